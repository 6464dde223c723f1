"""Blocking, muting, and how the caller stands to others. Following is in actions/follows."""

from collections.abc import Sequence

from api.actions import follows
from api.actions.follows import relationship
from api.announce import announce
from api.context import Context
from cluster.errors import InvalidInput, NotFound
from cluster.events import Event, RelationChanged
from db.entities import Relationship
from db.pages import Page, Window
from db.pool import Connection
from db.queries import accounts, links, outbox, relations
from db.queries.links import Link

__all__ = [
    "Link",
    "block",
    "blocked",
    "followers",
    "following",
    "mute",
    "muted",
    "relationships",
    "requests",
    "unblock",
    "unmute",
]


async def relationships(ctx: Context, *, account_id: int, target_ids: Sequence[int]) -> list[Relationship]:
    """How the caller stands to each of the accounts that exist, in the order asked."""
    if not target_ids:
        return []
    async with ctx.pool.connection() as conn:
        return await relations.relationships(conn, account_id=account_id, target_ids=target_ids)


async def block(ctx: Context, *, account_id: int, target_id: int) -> Relationship:
    """Block: follows and requests between the two end, in both directions. Raises NotFound, InvalidInput."""
    _refuse_self(account_id, target_id, "block")
    async with ctx.pool.transaction(ordered=True) as conn:
        if await relations.lock_pair(conn, account_id=account_id, target_id=target_id) is None:
            raise NotFound
        events: list[Event] = []
        if await relations.insert_block(conn, account_id=account_id, target_id=target_id):
            events.append(RelationChanged(account_id, target_id, "block"))
        events += await follows.end(conn, account_id=account_id, target_id=target_id)
        events += await follows.end(conn, account_id=target_id, target_id=account_id)
        rows = await outbox.append(conn, events=events)
    await announce(ctx, rows)
    return await relationship(ctx, account_id=account_id, target_id=target_id)


async def unblock(ctx: Context, *, account_id: int, target_id: int) -> Relationship:
    """End a block. Follows do not come back. Raises NotFound without a target."""
    async with ctx.pool.transaction() as conn:
        if await relations.lock_pair(conn, account_id=account_id, target_id=target_id) is None:
            raise NotFound
        ended = await relations.delete_block(conn, account_id=account_id, target_id=target_id)
        events = [RelationChanged(account_id, target_id, "unblock")] if ended else []
        rows = await outbox.append(conn, events=events)
    await announce(ctx, rows)
    return await relationship(ctx, account_id=account_id, target_id=target_id)


async def mute(
    ctx: Context, *, account_id: int, target_id: int, hide_notifications: bool, duration_s: int
) -> Relationship:
    """Mute for `duration_s` seconds, or for ever with 0; again: with the new terms. Raises NotFound."""
    _refuse_self(account_id, target_id, "mute")
    async with ctx.pool.transaction() as conn:
        if await relations.lock_pair(conn, account_id=account_id, target_id=target_id) is None:
            raise NotFound
        await relations.upsert_mute(
            conn,
            account_id=account_id,
            target_id=target_id,
            hide_notifications=hide_notifications,
            duration_s=duration_s,
        )
        rows = await outbox.append(conn, events=[RelationChanged(account_id, target_id, "mute")])
    await announce(ctx, rows)
    return await relationship(ctx, account_id=account_id, target_id=target_id)


async def unmute(ctx: Context, *, account_id: int, target_id: int) -> Relationship:
    """End a mute. Raises NotFound without a target."""
    async with ctx.pool.transaction() as conn:
        if await relations.lock_pair(conn, account_id=account_id, target_id=target_id) is None:
            raise NotFound
        ended = await relations.delete_mute(conn, account_id=account_id, target_id=target_id)
        events = [RelationChanged(account_id, target_id, "unmute")] if ended else []
        rows = await outbox.append(conn, events=events)
    await announce(ctx, rows)
    return await relationship(ctx, account_id=account_id, target_id=target_id)


def _refuse_self(account_id: int, target_id: int, verb: str) -> None:
    if account_id == target_id:
        raise InvalidInput(f"Validation failed: You cannot {verb} yourself")


async def followers(ctx: Context, *, account_id: int, viewer_id: int | None, window: Window) -> Page[Link]:
    """Who follows an account; nobody, when it hides that from the viewer. Raises NotFound."""
    async with ctx.pool.connection() as conn:
        if await _hidden(conn, account_id, viewer_id):
            return Page(())
        return await links.followers(conn, account_id=account_id, viewer_id=viewer_id, window=window)


async def following(ctx: Context, *, account_id: int, viewer_id: int | None, window: Window) -> Page[Link]:
    """Whom an account follows; nobody, when it hides that from the viewer. Raises NotFound."""
    async with ctx.pool.connection() as conn:
        if await _hidden(conn, account_id, viewer_id):
            return Page(())
        return await links.following(conn, account_id=account_id, viewer_id=viewer_id, window=window)


async def _hidden(conn: Connection, account_id: int, viewer_id: int | None) -> bool:
    hidden = await accounts.hides_collections(conn, account_id=account_id, viewer_id=viewer_id)
    if hidden is None:
        raise NotFound
    return hidden


async def requests(ctx: Context, *, account_id: int, window: Window) -> Page[Link]:
    """Who asks to follow the caller."""
    async with ctx.pool.connection() as conn:
        return await links.requests(conn, account_id=account_id, window=window)


async def blocked(ctx: Context, *, account_id: int, window: Window) -> Page[Link]:
    """Whom the caller blocks."""
    async with ctx.pool.connection() as conn:
        return await links.blocked(conn, account_id=account_id, window=window)


async def muted(ctx: Context, *, account_id: int, window: Window) -> Page[Link]:
    """Whom the caller mutes now."""
    async with ctx.pool.connection() as conn:
        return await links.muted(conn, account_id=account_id, window=window)
