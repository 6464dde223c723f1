"""Rings of status ids, one row of a flat numpy array per user: append, read, remove, all vectorised.

A ring keeps the last `length` ids that were put into it, in any order. What it drops raises the row's floor,
so "every id above the floor that belongs here is here" stays true whatever the order of arrival.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Rows = NDArray[np.int32]

BLOCK_ROWS = 1024  # rows added at a time, 4.9 MB: resident memory follows use
SORTED_MAX = 400  # audiences up to this size are scattered together, sorted: measured even at about 300 rows
_PLACE_BITS = 12  # bits of a sort key that name the id's place in its batch
BATCH_MAX = 1 << _PLACE_BITS


class Rings:
    """`length` ids for each row in use. Rows are handed out lowest first and reused when freed."""

    def __init__(self, *, length: int) -> None:
        self.length = length
        self._ids: Ids = np.zeros(0, np.int64)
        self._head = np.zeros(0, np.int32)  # where the next id goes
        self._floor: Ids = np.zeros(0, np.int64)
        self._free: list[int] = []
        self._next = 0

    @property
    def capacity(self) -> int:
        """Rows for which there is memory."""
        return len(self._head)

    def allocate(self) -> int:
        """A row for a new user. It holds nothing."""
        if self._free:
            return self._free.pop()
        if self._next == self.capacity:
            self._grow()
        self._next += 1
        return self._next - 1

    def _grow(self) -> None:
        # resize() is realloc(), which moves pages of such size without copying them. Nothing else refers
        # to these arrays: views are made inside one method and never handed out.
        rows = self.capacity + BLOCK_ROWS
        self._ids.resize(rows * self.length, refcheck=False)
        self._head.resize(rows, refcheck=False)
        self._floor.resize(rows, refcheck=False)

    def free(self, row: int) -> None:
        """Forget a user's row."""
        self._ids[row * self.length : (row + 1) * self.length] = 0
        self._head[row] = 0
        self._floor[row] = 0
        self._free.append(row)

    def fill(self, row: int, ids: Sequence[int], *, floor: int) -> None:
        """Set a row's content: newest first, at most `length` ids, all that belong there above `floor`."""
        start = row * self.length
        self._ids[start : start + len(ids)] = ids[::-1]
        self._ids[start + len(ids) : start + self.length] = 0
        self._head[row] = len(ids) % self.length
        self._floor[row] = floor

    def read(self, row: int) -> tuple[Ids, int]:
        """A row's ids, oldest first without repeats, and the floor above which they are complete."""
        start = row * self.length
        floor = int(self._floor[row])
        ids = np.sort(self._ids[start : start + self.length])
        # Free places hold 0, and no floor is below it.
        ids = ids[np.searchsorted(ids, floor, side="right") :]
        repeats = ids[1:] == ids[:-1]
        return (ids[np.append(True, ~repeats)] if repeats.any() else ids), floor

    def holds(self, row: int, identifier: int) -> bool:
        """Whether a row has this id."""
        start = row * self.length
        return bool((self._ids[start : start + self.length] == identifier).any())

    def scatter(self, ids: Sequence[int], audiences: Sequence[Rows]) -> int:
        """Put each id into the rows of its audience (ascending, no repeats); returns how many were put."""
        count = 0
        small_ids: list[int] = []
        small: list[Rows] = []
        most = min(self.length, BATCH_MAX)
        for identifier, rows in zip(ids, audiences, strict=True):
            count += len(rows)
            if len(rows) > SORTED_MAX:
                self._put(identifier, rows)
            elif len(rows):
                small_ids.append(identifier)
                small.append(rows)
                if len(small) == most:
                    self._put_together(small_ids, small)
                    small_ids, small = [], []
        if len(small) == 1:
            self._put(small_ids[0], small[0])
        elif small:
            self._put_together(small_ids, small)
        return count

    def _put(self, identifier: int, rows: Rows) -> None:
        """One id into many rows: every row occurs once, so gather and scatter need no care."""
        heads = self._head[rows]
        places = rows.astype(np.int64)
        places *= self.length
        places += heads
        dropped = self._ids[places]
        self._ids[places] = identifier
        self._floor[rows] = np.maximum(self._floor[rows], dropped)
        heads += 1
        heads[heads == self.length] = 0
        self._head[rows] = heads

    def _put_together(self, ids: Sequence[int], audiences: Sequence[Rows]) -> None:
        """Many ids with small audiences: sorted by row, so each row's ids take consecutive places.

        At most `length` ids: a row could otherwise meet itself again.
        """
        keys = np.concatenate(audiences).astype(np.int64)
        keys <<= _PLACE_BITS
        keys |= np.repeat(np.arange(len(ids)), [len(rows) for rows in audiences])
        keys.sort()
        rows = keys >> _PLACE_BITS
        keys &= BATCH_MAX - 1
        starts = np.flatnonzero(np.append(True, rows[1:] != rows[:-1]))
        counts = np.diff(starts, append=len(rows))
        touched = rows[starts]
        heads = self._head[touched].astype(np.int64)
        places = np.arange(len(rows))
        places -= np.repeat(starts - heads, counts)
        places[places >= self.length] -= self.length
        rows *= self.length
        places += rows
        dropped = np.maximum.reduceat(self._ids[places], starts)
        self._ids[places] = np.asarray(ids, np.int64)[keys]
        self._floor[touched] = np.maximum(self._floor[touched], dropped)
        heads += counts
        heads[heads >= self.length] -= self.length
        self._head[touched] = heads

    def remove(self, identifier: int, rows: Rows) -> Rows:
        """Take an id out of these rows; returns those that had it. Reads `length` places of each row."""
        grid = self._ids.reshape(-1, self.length)
        where, places = np.nonzero(grid[rows] == identifier)
        had = rows[where]
        grid[had, places] = 0
        return np.unique(had)

    def holders(self, identifier: int, rows: Rows) -> Rows:
        """Which of these rows have an id."""
        grid = self._ids.reshape(-1, self.length)
        holding: Rows = rows[(grid[rows] == identifier).any(axis=1)]
        return holding
