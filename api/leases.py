"""Tokens taken ahead for whoever asks often, so that a busy client's requests need no round trip each.

A lease is small beside what is left in the bucket and shrinks with it, so the last requests before a limit
are counted one by one. What is not used within a second is given back with the next ask. Measured: 6-8 us of
CPU a request instead of 27 at 16 at once and 133 at one at a time, and no waiting for Valkey.
"""

from collections import OrderedDict

from api.buckets import Ask, Standing
from cluster.clock import Clock

LEASES_MAX = (
    10_000  # buckets in use within a second; the least recently used is forgotten, at its owner's cost
)
LEASE_S = 1.0
QUICK_S = 0.1  # asked again within this: take twice as much
SIZE_MAX = 64
SHARE = 16  # a lease is at most this part of what is left


class Lease:
    """What was last taken from one bucket."""

    __slots__ = ("asked", "fetched_at", "left", "size", "standing")

    def __init__(self) -> None:
        self.left = 0
        self.size = 0
        self.fetched_at = 0.0
        self.asked = False  # an ask for more than one is under way
        self.standing: Standing | None = None


class Leases:
    """The leases of one replica."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._leases: OrderedDict[str, Lease] = OrderedDict()

    def spend(self, key: str) -> Standing | None:
        """One token that is here already, or None."""
        lease = self._leases.get(key)
        if lease is None or not lease.left or lease.standing is None:
            return None
        age_s = self._clock.monotonic() - lease.fetched_at
        if age_s >= LEASE_S:
            return None
        lease.left -= 1
        at = lease.standing
        remaining, reset_s = at.remaining + lease.left, max(0.0, at.reset_s - age_s)
        return Standing(1, at.limit, remaining, reset_s)

    def plan(self, key: str, *, limit: int, period_s: int) -> Ask:
        """What to ask for now."""
        lease = self._leases.setdefault(key, Lease())
        self._leases.move_to_end(key)
        if len(self._leases) > LEASES_MAX:
            self._leases.popitem(last=False)
        if lease.asked:
            return Ask(key, limit, period_s)
        back, lease.left = lease.left, 0
        count = self._size(lease)
        lease.asked = count > 1
        return Ask(key, limit, period_s, count, back)

    def note(self, ask: Ask, standing: Standing) -> Standing:
        """Keep what was taken beyond one; answers the standing of whoever asked."""
        lease = self._leases.get(ask.key)
        if lease is None:
            return standing
        if ask.count > 1:
            lease.asked = False
        lease.left += max(0, standing.taken - 1)
        lease.size, lease.standing = ask.count, standing
        lease.fetched_at = self._clock.monotonic()
        if not standing.allowed or not lease.left:
            return standing
        return Standing(1, standing.limit, standing.remaining + lease.left, standing.reset_s)

    def lost(self, ask: Ask) -> None:
        """The answer will not come: what it took is lost to the caller."""
        lease = self._leases.get(ask.key)
        if lease is not None and ask.count > 1:
            lease.asked = False

    def _size(self, lease: Lease) -> int:
        age_s = self._clock.monotonic() - lease.fetched_at
        if lease.standing is None or age_s >= LEASE_S:
            return 1
        wanted = lease.size * 2 if age_s < QUICK_S else lease.size
        return max(1, min(wanted, SIZE_MAX, lease.standing.remaining // SHARE))
