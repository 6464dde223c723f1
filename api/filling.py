"""A page of statuses: skeleton, cards, rule; and again, a bounded number of times, if the rule removed much.

The page's cursors are ids of the skeleton, not of what is shown: a page on which everything was hidden
still leads on, and nothing between two pages is skipped.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from api import drawing, hydrate
from api.cards import Card
from api.context import Context
from api.drawing import Rule
from api.viewers import Viewer
from db.pages import Page, Window

ROUNDS_MAX = 4  # a viewer who hides more than three quarters of what they follow gets shorter pages

Skeleton = Callable[[Window], Awaitable[Sequence[int]]]
"""Asked for a window, the ids in it, newest first. Fewer than the limit means that there are no more."""


@dataclass(slots=True)
class _Filling:
    """A page under way. `taken` are skeleton ids in reading order, shown or not."""

    window: Window
    shown: list[Card] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    ended: bool = False

    @property
    def rest(self) -> Window:
        """What to ask the skeleton next."""
        if not self.taken:
            return self.window
        if self.window.upward:
            return replace(self.window, min_id=self.taken[-1])
        return replace(self.window, max_id=self.taken[-1])

    def page(self, items: list[bytes]) -> Page[bytes]:
        if not self.taken:
            return Page((), more=False)
        upward = self.window.upward
        if upward:
            items.reverse()
        return Page(items, max(self.taken), min(self.taken), more=upward or not self.ended)


async def fill(
    ctx: Context,
    *,
    window: Window,
    viewer: Viewer | None,
    rule: Rule,
    skeleton: Skeleton,
    gone: Callable[[int], None] | None = None,
) -> Page[bytes]:
    """The window's statuses that `rule` shows to this viewer, drawn, newest first.

    `gone` hears of ids in the skeleton that lead nowhere."""
    filling = _Filling(window)
    for _ in range(ROUNDS_MAX):
        ids = await skeleton(filling.rest)
        filling.ended = len(ids) < window.limit
        cards = await hydrate.cards(ctx, ids=ids)
        if gone is not None and len(cards) < len(ids):
            for status_id in set(ids).difference(card.id for card in cards):
                gone(status_id)
        if _take(filling, ids=ids, cards=cards, viewer=viewer, rule=rule) or filling.ended:
            break
    hydrated = await hydrate.with_flags(ctx, shown=filling.shown, viewer=viewer)
    return filling.page(drawing.render(hydrated))


def _take(
    filling: _Filling, *, ids: Sequence[int], cards: Sequence[Card], viewer: Viewer | None, rule: Rule
) -> bool:
    """Take from a round until the page is full; whether it is."""
    if len(cards) + len(filling.shown) <= filling.window.limit:
        # Nothing can be left over: the order of reading does not matter, and missing cards need no care.
        shown = [card for card in cards if rule(card, viewer)]
        filling.shown.extend(reversed(shown) if filling.window.upward else shown)
        filling.taken.extend(reversed(ids) if filling.window.upward else ids)
        return len(filling.shown) == filling.window.limit
    by_id = {card.id: card for card in cards}
    for status_id in reversed(ids) if filling.window.upward else ids:
        filling.taken.append(status_id)
        card = by_id.get(status_id)
        if card is not None and rule(card, viewer):
            filling.shown.append(card)
            if len(filling.shown) == filling.window.limit:
                filling.ended = False
                return True
    return False
