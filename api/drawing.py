"""Ids -> client JSON for one viewer: hydrate, rules, entities, in this order. What actions and routes call.

A status that the viewer may not see does not exist for them: lists leave it out, `draw_status` says NotFound.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

from api import entities, flags, hydrate, rules
from api.cards import Card
from api.context import Context
from api.hydrate import Hydrated
from api.viewers import Viewer
from cluster.errors import NotFound
from db.entities import Notification

Rule = Callable[[Card, Viewer | None], bool]


def render(hydrated: Hydrated) -> list[bytes]:
    """The cards as this viewer gets them."""
    viewer = hydrated.viewer
    if viewer is None:
        return [card.anonymous() for card in hydrated.cards]
    account_id, threads, bits = viewer.account_id, viewer.muted_conversations, hydrated.bits
    drawn: list[bytes] = []
    for card in hydrated.cards:
        proper = card.proper
        mine = bits.get(proper.id, 0)
        if proper.account_id == account_id and proper.visibility != "direct":
            mine |= flags.OWN
        if threads and proper.conversation_id in threads:
            mine |= flags.MUTED
        drawn.append(card.flagged(mine) if mine else card.plain())
    return drawn


async def draw_statuses(
    ctx: Context, *, ids: Sequence[int], caller_id: int | None, rule: Rule = rules.may_see
) -> list[bytes]:
    """These statuses in this order, without those that are gone or that `rule` keeps from the caller."""
    viewer = await hydrate.viewer_of(ctx, caller_id)
    shown = [card for card in await hydrate.cards(ctx, ids=ids) if rule(card, viewer)]
    return render(await hydrate.with_flags(ctx, shown=shown, viewer=viewer))


async def draw_status(ctx: Context, *, status_id: int, caller_id: int | None) -> bytes:
    """One status. Raises NotFound when it is absent or not the caller's to see."""
    drawn = await draw_statuses(ctx, ids=(status_id,), caller_id=caller_id)
    if not drawn:
        raise NotFound
    return drawn[0]


async def see_status(ctx: Context, *, status_id: int, caller_id: int | None) -> Card:
    """One status for an action that is about to use it. Raises NotFound when it is absent or not the
    caller's to see. The check is as fresh as the replica's news; guard writes in SQL where it matters."""
    viewer = await hydrate.viewer_of(ctx, caller_id)
    for card in await hydrate.cards(ctx, ids=(status_id,)):
        if rules.may_see(card, viewer):
            return card
    raise NotFound


async def draw_accounts(ctx: Context, *, ids: Sequence[int]) -> list[bytes]:
    """These accounts in this order, without those that do not exist."""
    found = await hydrate.accounts(ctx, ids=ids)
    return [found[account_id].json for account_id in ids if account_id in found]


async def draw_muted_accounts(ctx: Context, *, until: Mapping[int, dt.datetime | None]) -> list[bytes]:
    """The accounts whose ids are the keys, each with the time when its mute ends (None: never)."""
    found = await hydrate.accounts(ctx, ids=list(until))
    return [
        entities.extended(
            found[account_id].json,
            {"mute_expires_at": None if expires_at is None else entities.moment(expires_at)},
        )
        for account_id, expires_at in until.items()
        if account_id in found
    ]


async def draw_account(ctx: Context, *, account_id: int) -> bytes:
    """One account. Raises NotFound."""
    drawn = await draw_accounts(ctx, ids=(account_id,))
    if not drawn:
        raise NotFound
    return drawn[0]


async def draw_notifications(
    ctx: Context, *, notifications: Sequence[Notification], caller_id: int
) -> list[bytes]:
    """These notifications in this order, without those from people whom the caller does not want to hear,
    or about statuses that are gone or no longer the caller's to see."""
    viewer = await ctx.viewers.get(caller_id)
    wanted = [
        notification
        for notification in notifications
        if rules.in_notifications(viewer, from_account_id=notification.from_account_id)
    ]
    status_ids = [item.status_id for item in wanted if item.status_id is not None]
    cards = {card.id: card for card in await hydrate.cards(ctx, ids=list(dict.fromkeys(status_ids)))}
    shown = [card for card in cards.values() if rules.may_see(card, viewer)]
    drawn = render(await hydrate.with_flags(ctx, shown=shown, viewer=viewer))
    statuses = {card.id: json for card, json in zip(shown, drawn, strict=True)}
    accounts = await hydrate.accounts(ctx, ids={item.from_account_id for item in wanted})
    return [
        entities.render_notification(
            item,
            account=accounts[item.from_account_id].json,
            status=None if item.status_id is None else statuses[item.status_id],
        )
        for item in wanted
        if item.from_account_id in accounts and (item.status_id is None or item.status_id in statuses)
    ]
