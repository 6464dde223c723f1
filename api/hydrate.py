"""Ids -> everything needed to draw them, in a few batched steps, mostly from this replica's memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from api.cards import AccountCard, Card
from api.context import Context
from api.viewers import Viewer


@dataclass(frozen=True, slots=True)
class Hydrated:
    """Cards in the order asked, without those that do not exist, and what the viewer did with them."""

    cards: Sequence[Card]
    viewer: Viewer | None
    bits: Mapping[int, int] = field(default_factory=dict)


async def viewer_of(ctx: Context, caller_id: int | None) -> Viewer | None:
    """The viewer behind a request; None stands for anonymous."""
    if caller_id is None:
        return None
    return ctx.viewers.peek(caller_id) or await ctx.viewers.get(caller_id)


async def cards(ctx: Context, *, ids: Sequence[int]) -> Sequence[Card]:
    """The cards that exist, in the order asked."""
    at_hand = ctx.cards.peek_many(ids)
    if at_hand is not None:
        return at_hand
    found = await ctx.cards.get_many(ids)
    return [found[status_id] for status_id in ids if status_id in found]


async def with_flags(ctx: Context, *, shown: Sequence[Card], viewer: Viewer | None) -> Hydrated:
    """The cards that passed the rules, with the viewer's flags."""
    if viewer is None:
        return Hydrated(shown, None)
    return Hydrated(shown, viewer, await ctx.viewers.bits(viewer, [card.proper.id for card in shown]))


async def accounts(ctx: Context, *, ids: Iterable[int]) -> dict[int, AccountCard]:
    """The accounts that exist, by id."""
    return await ctx.cards.accounts(ids)
