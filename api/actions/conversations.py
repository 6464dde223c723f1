"""Direct conversations: lists of threads with who takes part and the newest status."""

from collections import defaultdict
from collections.abc import Sequence

import orjson

from api import drawing, hydrate, rules
from api.context import Context
from cluster.errors import NotFound
from db.pages import Page, Window
from db.queries import conversations
from db.queries.conversations import Conversation


async def page(ctx: Context, *, account_id: int, window: Window) -> Page[bytes]:
    """The caller's conversations as JSON, the most recently active first."""
    async with ctx.pool.connection() as conn:
        found = await conversations.page(conn, account_id=account_id, window=window)
    if not found:
        return Page(())
    drawn = await _draw(ctx, account_id=account_id, found=found)
    return Page(
        drawn,
        newest=found[0].last_status_id,
        oldest=found[-1].last_status_id,
        more=len(found) == window.limit or window.upward,
    )


async def draw(ctx: Context, *, account_id: int, ids: Sequence[int]) -> list[bytes]:
    """Some of one person's conversations as JSON; streams use it too."""
    window = Window(limit=len(ids))
    async with ctx.pool.connection() as conn:
        found = await conversations.page(conn, account_id=account_id, window=window, only=ids)
    return await _draw(ctx, account_id=account_id, found=found)


async def mark_read(ctx: Context, *, account_id: int, conversation_id: int) -> bytes:
    """The caller has read a conversation to its end. Raises NotFound."""
    found = await _settle(ctx, account_id=account_id, conversation_id=conversation_id, hide=False)
    read = Conversation(found.id, found.last_status_id, unread=False)
    drawn = await _draw(ctx, account_id=account_id, found=[read])
    if not drawn:
        raise NotFound
    return drawn[0]


async def dismiss(ctx: Context, *, account_id: int, conversation_id: int) -> None:
    """Take a conversation out of the list until somebody writes in it again. Raises NotFound."""
    await _settle(ctx, account_id=account_id, conversation_id=conversation_id, hide=True)


async def _settle(ctx: Context, *, account_id: int, conversation_id: int, hide: bool) -> Conversation:
    window = Window(limit=1)
    async with ctx.pool.transaction() as conn:
        found = await conversations.page(conn, account_id=account_id, window=window, only=[conversation_id])
        if not found:
            raise NotFound
        last_id = found[0].last_status_id
        await conversations.set_read(
            conn,
            account_id=account_id,
            conversation_id=conversation_id,
            last_read_id=last_id,
            hidden_until_id=last_id if hide else 0,
        )
    return found[0]


async def _draw(ctx: Context, *, account_id: int, found: Sequence[Conversation]) -> list[bytes]:
    if not found:
        return []
    async with ctx.pool.connection() as conn:
        pairs = await conversations.participants(conn, status_ids=[one.last_status_id for one in found])
    people: defaultdict[int, list[int]] = defaultdict(list)
    for status_id, person in pairs:
        if person != account_id:
            people[status_id].append(person)
    statuses = await _statuses(ctx, ids=[one.last_status_id for one in found], caller_id=account_id)
    everybody = {account_id, *(person for group in people.values() for person in group)}
    accounts = await hydrate.accounts(ctx, ids=everybody)
    drawn = []
    for one in found:
        if one.last_status_id in statuses:
            ids = sorted(people[one.last_status_id]) or [account_id]  # a note to oneself has only oneself
            faces = b",".join(accounts[person].json for person in ids if person in accounts)
            head = orjson.dumps({"id": str(one.id), "unread": one.unread})
            last = statuses[one.last_status_id]
            drawn.append(b'%b,"accounts":[%b],"last_status":%b}' % (head[:-1], faces, last))
    return drawn


async def _statuses(ctx: Context, *, ids: Sequence[int], caller_id: int) -> dict[int, bytes]:
    """Those that the caller may see, as JSON by id."""
    viewer = await hydrate.viewer_of(ctx, caller_id)
    shown = [card for card in await hydrate.cards(ctx, ids=ids) if rules.may_see(card, viewer)]
    drawn = drawing.render(await hydrate.with_flags(ctx, shown=shown, viewer=viewer))
    return {card.id: json for card, json in zip(shown, drawn, strict=True)}
