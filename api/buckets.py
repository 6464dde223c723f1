"""Token buckets by the generic cell rate algorithm: one number a bucket, in Valkey by a script, or here.

The number is when the bucket would be full again; https://www.rfc-editor.org/rfc/rfc7415#section-3.5.1.
A bucket of N that fills in P gives N at once, and one more every P/N.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from cluster.clock import Clock

LOCAL_MAX = 50_000  # buckets of one replica while Valkey is away; the least recently used goes first
SLACK = 0.01
"""Part of one request's worth that a bucket may lack: rounding to microseconds must not cost a request."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Take up to `count` from a bucket, after giving `back` what was taken before and not used."""

    key: str
    limit: int
    period_s: int
    count: int = 1
    back: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a bucket stands after `taken` were taken; none means refused. `reset_s`: until it is full again."""

    taken: int
    limit: int
    remaining: int
    reset_s: float
    retry_after_s: float = 0.0

    @property
    def allowed(self) -> bool:
        """Whether the request may go on."""
        return self.taken > 0


# Times in microseconds of Valkey's own clock, written out in full: Lua would round them.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer = {}
for i, key in ipairs(KEYS) do
    local at = 4 * i - 3
    local period, interval = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
    local full = tonumber(redis.call('GET', key) or now) - ARGV[at + 3] * interval
    if full < now then full = now end
    local free = math.floor((now + period - full) / interval + 0.01)
    local taken = math.max(0, math.min(free, tonumber(ARGV[at + 2])))
    full = full + taken * interval
    if full > now then
        redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
    end
    answer[2 * i - 1] = taken
    answer[2 * i] = math.floor(full - now + 0.5)
end
return answer
"""


def script_input(asks: Sequence[Ask]) -> tuple[list[str], list[float]]:
    """Keys and arguments of `SCRIPT`."""
    arguments: list[float] = []
    for ask in asks:
        period_us = ask.period_s * 1_000_000
        arguments += (period_us, period_us / ask.limit, ask.count, ask.back)
    return [ask.key for ask in asks], arguments


def script_output(asks: Sequence[Ask], answer: Sequence[int]) -> list[Standing]:
    """The standings in the answer of `SCRIPT`."""
    return [
        standing(ask, taken=answer[2 * index], full_s=answer[2 * index + 1] / 1e6)
        for index, ask in enumerate(asks)
    ]


def standing(ask: Ask, *, taken: int, full_s: float) -> Standing:
    """How a bucket stands that will be full in `full_s`."""
    interval_s = ask.period_s / ask.limit
    free = (ask.period_s - full_s) / interval_s
    wait_s = max(0.0, (1 - free) * interval_s) if taken == 0 else 0.0
    return Standing(taken, ask.limit, max(0, int(free + 2 * SLACK)), full_s, wait_s)


class LocalBuckets:
    """The same buckets in this process: what is left when Valkey is away."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, ask: Ask) -> Standing:
        """What `SCRIPT` does."""
        now, interval_s = self._clock.monotonic(), ask.period_s / ask.limit
        full = max(self._full_at.get(ask.key, now) - ask.back * interval_s, now)
        free = int((now + ask.period_s - full) / interval_s + SLACK)
        taken = max(0, min(free, ask.count))
        full = self._full_at[ask.key] = full + taken * interval_s
        self._full_at.move_to_end(ask.key)
        if len(self._full_at) > LOCAL_MAX:
            self._full_at.popitem(last=False)
        return standing(ask, taken=taken, full_s=full - now)
