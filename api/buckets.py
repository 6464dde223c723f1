"""Token buckets by the generic cell rate algorithm: one number a bucket, in Valkey by a script, or here.

The number is when the bucket would be full again; https://www.rfc-editor.org/rfc/rfc7415#section-3.5.1.
A bucket of N that fills in P takes N at once, and one more every P/N.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from cluster.clock import Clock

LOCAL_MAX = 50_000  # buckets of one replica while Valkey is away; the least recently used goes first

Ask = tuple[str, int, int]  # key, limit, period in seconds

SLACK = 0.01
"""Part of one request's worth that a bucket may lack: rounding to microseconds must not cost a request."""

# Times in microseconds of Valkey's own clock, written out in full: Lua would round them. The same slack.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer = {}
for i, key in ipairs(KEYS) do
    local limit = tonumber(ARGV[2 * i - 1])
    local period = tonumber(ARGV[2 * i])
    local full = tonumber(redis.call('GET', key) or now)
    if full < now then full = now end
    local taken = full + period / limit
    local allowed = taken - now <= period + period / limit / 100
    if allowed then
        full = taken
        redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
    end
    answer[3 * i - 2] = allowed and 1 or 0
    answer[3 * i - 1] = math.floor(full - now + 0.5)
    answer[3 * i] = math.max(0, math.ceil(taken - now - period))
end
return answer
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a bucket stands after a request. `reset_s`: until it is full again."""

    allowed: bool
    limit: int
    remaining: int
    reset_s: float
    retry_after_s: float = 0.0


def script_input(asks: Sequence[Ask]) -> tuple[list[str], list[int]]:
    """Keys and arguments of `SCRIPT`."""
    keys = [key for key, _, _ in asks]
    arguments = [number for _, limit, period_s in asks for number in (limit, period_s * 1_000_000)]
    return keys, arguments


def script_output(asks: Sequence[Ask], answer: Sequence[int]) -> list[Standing]:
    """The standings in the answer of `SCRIPT`."""
    return [
        _standing(
            limit,
            period_s,
            allowed=bool(answer[at]),
            full_s=answer[at + 1] / 1e6,
            wait_s=answer[at + 2] / 1e6,
        )
        for at, (_, limit, period_s) in zip(range(0, len(answer), 3), asks, strict=True)
    ]


def _standing(limit: int, period_s: int, *, allowed: bool, full_s: float, wait_s: float) -> Standing:
    remaining = int((period_s - full_s) * limit / period_s + 2 * SLACK) if allowed else 0
    return Standing(allowed, limit, max(0, remaining), full_s, wait_s)


class LocalBuckets:
    """The same buckets in this process: what is left when Valkey is away."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, ask: Ask) -> Standing:
        """One request on one bucket."""
        key, limit, period_s = ask
        now = self._clock.monotonic()
        full = max(self._full_at.get(key, now), now)
        taken = full + period_s / limit
        allowed = taken - now <= period_s + SLACK * period_s / limit
        if allowed:
            full = self._full_at[key] = taken
            self._full_at.move_to_end(key)
            if len(self._full_at) > LOCAL_MAX:
                self._full_at.popitem(last=False)
        return _standing(
            limit, period_s, allowed=allowed, full_s=full - now, wait_s=max(0.0, taken - now - period_s)
        )
