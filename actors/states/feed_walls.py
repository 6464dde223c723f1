"""Recent statuses of authors with very many followers: kept once, merged into a feed when it is read."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


class Wall:
    """The last `length` statuses of one author, with what the rules of a feed ask about them."""

    def __init__(self, *, length: int) -> None:
        self._ids: Ids = np.zeros(length, np.int64)
        self._reply_to: Ids = np.zeros(length, np.int64)  # 0: for everybody who follows the author
        self._reblog = np.zeros(length, np.bool_)
        self._next = 0
        self.floor = 0  # everything above this id is here, since the wall was begun

    def append(self, identifier: int, *, reply_to: int, reblog: bool) -> None:
        """Put a status up; the one that was put up first falls off."""
        place = self._next
        self.floor = max(self.floor, int(self._ids[place]))
        self._ids[place] = identifier
        self._reply_to[place] = reply_to
        self._reblog[place] = reblog
        self._next = (place + 1) % len(self._ids)

    def remove(self, identifier: int) -> None:
        """Take a status down."""
        self._ids[self._ids == identifier] = 0

    def read(self, *, follows: Callable[[int], bool], reblogs: bool) -> Ids:
        """Ids for one follower: with replies to accounts that it follows, and reblogs if it wants them."""
        shown = self._ids > self.floor
        if not reblogs:
            shown &= ~self._reblog
        for place in np.flatnonzero(shown & (self._reply_to != 0)):
            shown[place] = follows(int(self._reply_to[place]))
        ids: Ids = self._ids[shown]
        return ids
