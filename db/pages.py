"""Windows into lists that are ordered by id, newest first: max_id, since_id, min_id, limit (as Mastodon).

`since_id` bounds from below and still starts at the newest; `min_id` starts right above the bound. Both
answer newest first. https://docs.joinmastodon.org/api/guidelines/#pagination
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list is asked for. Ids are exclusive bounds."""

    limit: int = 20
    max_id: int | None = None
    since_id: int | None = None
    min_id: int | None = None

    @property
    def upward(self) -> bool:
        """Whether the page starts at its oldest entry (min_id)."""
        return self.min_id is not None

    @property
    def low(self) -> int:
        """Entries must be above this id."""
        return max(self.since_id or 0, self.min_id or 0)

    @property
    def high(self) -> int:
        """Entries must be below this id."""
        return self.max_id if self.max_id is not None else 2**63 - 1


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Entries newest first, with the cursors of the window that they fill.

    `newest` and `oldest` are cursor ids (they may differ from the entries' own ids: followers page by
    follow id). None when the page is empty.
    """

    items: Sequence[T]
    newest: int | None = None
    oldest: int | None = None
    more: bool = True  # whether `Link: rel="next"` makes sense


def cut(ids: Sequence[int], window: Window) -> list[int]:
    """The window's part of `ids`, which must be sorted newest first."""
    inside = [identifier for identifier in ids if window.low < identifier < window.high]
    return inside[-window.limit :] if window.upward else inside[: window.limit]
