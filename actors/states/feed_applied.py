"""Which outbox rows a shard has applied: each is applied once, whether it was told, told twice or swept.

Told rows come in any order; the sweep comes in the order of the outbox. What the sweep has passed is
remembered for a while, so that a row told late is known; what is older than that memory is never taken
from a teller, and the sweep brings it if it was not applied.
"""

from collections import deque
from collections.abc import Iterable, Sequence

AHEAD_MAX = 500_000  # rows applied before the sweep reached them, about 50 MB; beyond, telling waits for it
SWEPT_MAX = 50_000  # rows that the sweep has passed and that a teller may still bring: 10 s at 5,000 rows/s


class Applied:
    """A set of outbox ids, bounded by how far the sweep is behind and by a short memory of what it passed."""

    def __init__(self, *, forgotten: int = 0, swept_max: int = SWEPT_MAX) -> None:
        self._ahead: set[int] = set()
        self._swept: set[int] = set()
        self._order: deque[int] = deque()
        self._forgotten = forgotten  # told rows up to this id are left to the sweep
        self._swept_max = swept_max

    @property
    def ahead(self) -> int:
        """Rows applied that the sweep has not reached."""
        return len(self._ahead)

    def take_told(self, ids: Iterable[int]) -> set[int]:
        """Which of these rows to apply now; they count as applied from here on."""
        if len(self._ahead) >= AHEAD_MAX:
            return set()
        ahead, swept, forgotten = self._ahead, self._swept, self._forgotten
        fresh = {given for given in ids if given > forgotten and given not in ahead and given not in swept}
        ahead |= fresh
        return fresh

    def missing(self, ids: Iterable[int]) -> list[int]:
        """Which of these rows nobody told so far."""
        return [given for given in ids if given not in self._ahead]

    def take_swept(self, ids: Sequence[int]) -> list[int]:
        """Which of the rows that the sweep passes nobody told; they count as applied from here on."""
        missing = self.missing(ids)
        self._ahead.difference_update(ids)
        self._swept.update(ids)
        self._order.extend(ids)
        while len(self._order) > self._swept_max:
            oldest = self._order.popleft()
            self._swept.discard(oldest)
            self._forgotten = max(self._forgotten, oldest)
        return missing
