"""Who of a shard's users follows whom, in both directions: 4 bytes an edge and direction plus slack.

author -> rows is what a post is scattered by; row -> authors is what leaves with a row. Every user follows
himself here, which makes his own posts and replies to him ordinary cases of the rules.
"""

from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]

NOBODY: Rows = np.zeros(0, np.int32)
TYPE = "i"  # array's code of a 32-bit integer


class FollowIndex:
    """Edges of the rows that a shard has loaded. Rows of an author are ascending: they fall on rings in
    memory order, and removing one edge is a bisection and a move of memory."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}  # author id -> place in the lists below
        self._authors = array("q")
        self._rows: list[array[int]] = []
        self._quiet: dict[int, set[int]] = {}  # place -> rows that do not want this author's reblogs
        self._free: list[int] = []
        self._followed: list[array[int] | None] = []  # by row: places of the authors that it follows
        self.edges = 0

    def add(self, row: int, *, authors: Iterable[int], quiet: Iterable[int] = ()) -> None:
        """Let a row follow these authors; it must not follow anybody yet."""
        places, lists = self._places, self._rows
        followed = array(TYPE)
        for author in authors:
            place = places.get(author)
            if place is None:
                place = self._place(author)
            rows = lists[place]
            if not rows or rows[-1] < row:
                rows.append(row)
            else:
                insort(rows, row)
            followed.append(place)
        for author in quiet:
            self._quiet.setdefault(places[author], set()).add(row)
        if row >= len(self._followed):
            self._followed.extend([None] * (row + 1 - len(self._followed)))
        self._followed[row] = array(TYPE, followed)  # a copy has no slack
        self.edges += len(followed)

    def _place(self, author: int) -> int:
        if self._free:
            place = self._free.pop()
            self._authors[place] = author
        else:
            place = len(self._rows)
            self._authors.append(author)
            self._rows.append(array(TYPE))
        self._places[author] = place
        return place

    def drop(self, row: int) -> None:
        """Forget all edges of a row."""
        followed = self._followed[row]
        if followed is None:
            return
        self._followed[row] = None
        self.edges -= len(followed)
        for place in followed:
            rows = self._rows[place]
            del rows[bisect_left(rows, row)]
            quiet = self._quiet.get(place)
            if quiet is not None:
                quiet.discard(row)
                if not quiet:
                    del self._quiet[place]
            if not rows:
                del self._places[self._authors[place]]
                self._rows[place] = array(TYPE)
                self._free.append(place)

    def rows(self, author: int) -> Rows:
        """Rows that follow an author, ascending."""
        place = self._places.get(author)
        # A copy: an array cannot change while a view of it is alive, and exceptions keep views alive.
        return NOBODY if place is None else np.frombuffer(self._rows[place], np.int32).copy()

    def count(self, author: int) -> int:
        """How many rows follow an author."""
        place = self._places.get(author)
        return 0 if place is None else len(self._rows[place])

    def follows(self, row: int, author: int) -> bool:
        """Whether a row follows an author."""
        place = self._places.get(author)
        if place is None:
            return False
        rows = self._rows[place]
        at = bisect_left(rows, row)
        return at < len(rows) and rows[at] == row

    def without_quiet(self, rows: Rows, author: int) -> Rows:
        """Those of an author's rows that want his reblogs."""
        place = self._places.get(author)
        quiet = None if place is None else self._quiet.get(place)
        if not quiet:
            return rows
        return rows[~np.isin(rows, np.fromiter(quiet, np.int32, len(quiet)))]

    def is_quiet(self, row: int, author: int) -> bool:
        """Whether a row does not want an author's reblogs."""
        place = self._places.get(author)
        return place is not None and row in self._quiet.get(place, ())


def common(left: Rows, right: Rows) -> Rows:
    """Rows that are in both, which must be ascending: the shorter one looks itself up in the longer."""
    if len(left) > len(right):
        left, right = right, left
    if not len(left):
        return NOBODY
    places = np.searchsorted(right, left)
    places[places == len(right)] = 0
    both: Rows = left[right[places] == left]
    return both
