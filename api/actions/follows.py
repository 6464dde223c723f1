"""Following: asking, answering, ending. A write is one transaction with its counts, notification and news.

Repeating a request changes nothing: rows are keyed by the pair, and counts move only when a row did. What
moves counts holds the order lock, as group commits do: they count several authors at once, and two writers
that lock the same counts in different orders would wait for each other.
"""

from collections.abc import Sequence

from api.announce import announce
from api.context import Context
from api.notify import NotificationDraft, notify
from cluster.errors import Forbidden, InvalidInput, NotFound
from cluster.events import AccountChanged, Event, OutboxRow, RelationChanged, ViewerChanged
from db.entities import Relationship
from db.pool import Connection
from db.queries import outbox, relations
from db.queries.relations import FollowOptions

__all__ = [
    "FollowOptions",
    "authorize",
    "authorize_all",
    "end",
    "follow",
    "reject",
    "relationship",
    "remove_follower",
    "unfollow",
]

ACCEPT_BATCH = 500  # requests accepted in one transaction when an account is unlocked: about 50 ms


async def follow(ctx: Context, *, account_id: int, target_id: int, options: FollowOptions) -> Relationship:
    """Follow, or ask to when the target is locked; again: change what the follow asks for.

    Raises InvalidInput for oneself, NotFound without a target, Forbidden when a block stands between.
    """
    if account_id == target_id:
        raise InvalidInput("Validation failed: You cannot follow yourself")
    known = await relationship(ctx, account_id=account_id, target_id=target_id)
    notifies = not known.following  # and only who notifies or counts needs the order lock
    async with ctx.pool.transaction(ordered=notifies) as conn:
        target = await relations.lock_pair(conn, account_id=account_id, target_id=target_id)
        if target is None or target["suspended"]:
            raise NotFound
        (current,) = await relations.relationships(conn, account_id=account_id, target_ids=[target_id])
        if current.blocking or current.blocked_by:
            raise Forbidden
        events = await _follow(
            conn, current=current, account_id=account_id, options=options, ask=target["locked"]
        )
        if notifies and events:
            kind = "follow_request" if _asks(current, target["locked"]) else "follow"
            events += await notify(conn, drafts=[NotificationDraft(target_id, kind, account_id)])
        rows = await outbox.append(conn, events=events)
    await announce(ctx, rows)
    return await relationship(ctx, account_id=account_id, target_id=target_id)


def _asks(current: Relationship, locked: bool) -> bool:
    return locked and not current.following


async def _follow(
    conn: Connection, *, current: Relationship, account_id: int, options: FollowOptions, ask: bool
) -> list[Event]:
    """Write the follow or the request; what happened, empty when nothing new did."""
    target_id = current.id
    if _asks(current, ask):
        new = await relations.upsert_request(
            conn, account_id=account_id, target_id=target_id, options=options
        )
        return [RelationChanged(account_id, target_id, "request")] if new else []
    if current.requested:  # the target unlocked meanwhile
        await relations.delete_request(conn, account_id=account_id, target_id=target_id)
        await relations.forget_follow(conn, account_id=account_id, target_id=target_id)
    new = await relations.upsert_follow(conn, account_id=account_id, target_id=target_id, options=options)
    if not new:
        # Which reblogs and languages the home feed shows may have changed.
        return [RelationChanged(account_id, target_id, "follow")]
    await relations.count_follows(conn, pairs=[(account_id, target_id)], by=1)
    return followed([(account_id, target_id)])


def followed(pairs: Sequence[tuple[int, int]], *, change: str = "follow") -> list[Event]:
    """The news of new (or, with `change`, ended) follows: relations, and counts on both profiles."""
    events: list[Event] = [RelationChanged(follower, target, change) for follower, target in pairs]
    return events + [AccountChanged(person) for person in sorted({one for pair in pairs for one in pair})]


async def unfollow(ctx: Context, *, account_id: int, target_id: int) -> Relationship:
    """Stop following, or withdraw the request. Raises NotFound without a target."""
    async with ctx.pool.transaction(ordered=True) as conn:
        if await relations.lock_pair(conn, account_id=account_id, target_id=target_id) is None:
            raise NotFound
        rows = await outbox.append(conn, events=await end(conn, account_id=account_id, target_id=target_id))
    await announce(ctx, rows)
    return await relationship(ctx, account_id=account_id, target_id=target_id)


async def remove_follower(ctx: Context, *, account_id: int, follower_id: int) -> Relationship:
    """Make somebody stop following the caller. Raises NotFound without such an account."""
    async with ctx.pool.transaction(ordered=True) as conn:
        if await relations.lock_pair(conn, account_id=account_id, target_id=follower_id) is None:
            raise NotFound
        events = await end(conn, account_id=follower_id, target_id=account_id, requests=False)
        rows = await outbox.append(conn, events=events)
    await announce(ctx, rows)
    return await relationship(ctx, account_id=account_id, target_id=follower_id)


async def end(conn: Connection, *, account_id: int, target_id: int, requests: bool = True) -> list[Event]:
    """Remove a follow, or (with `requests`) an open request, and what hangs on it; the news.

    Call after `lock_pair`, under the order lock."""
    events: list[Event] = []
    if await relations.delete_follow(conn, account_id=account_id, target_id=target_id):
        await relations.count_follows(conn, pairs=[(account_id, target_id)], by=-1)
        events = followed([(account_id, target_id)], change="unfollow")
    elif requests and await relations.delete_request(conn, account_id=account_id, target_id=target_id):
        events = [RelationChanged(account_id, target_id, "unrequest")]
    if events and await relations.forget_follow(conn, account_id=account_id, target_id=target_id):
        events.append(ViewerChanged(account_id, "lists"))
    return events


async def authorize(ctx: Context, *, account_id: int, from_id: int) -> Relationship:
    """Accept a follow request. Raises NotFound when nobody asked."""
    async with ctx.pool.transaction(ordered=True) as conn:
        await relations.lock_pair(conn, account_id=account_id, target_id=from_id)
        options = await relations.delete_request(conn, account_id=from_id, target_id=account_id)
        if options is None:
            raise NotFound
        await relations.forget_follow(conn, account_id=from_id, target_id=account_id)
        await relations.upsert_follow(conn, account_id=from_id, target_id=account_id, options=options)
        rows = await _count_accepted(conn, follower_ids=[from_id], account_id=account_id)
    await announce(ctx, rows)
    return await relationship(ctx, account_id=account_id, target_id=from_id)


async def authorize_all(ctx: Context, *, account_id: int) -> None:
    """Accept every open request: what unlocking an account means."""
    accepted = ACCEPT_BATCH
    while accepted == ACCEPT_BATCH:
        async with ctx.pool.transaction(ordered=True) as conn:
            await relations.lock_pair(conn, account_id=account_id, target_id=account_id)
            new = await relations.accept_requests(conn, target_id=account_id, limit=ACCEPT_BATCH)
            rows = await _count_accepted(conn, follower_ids=new, account_id=account_id)
        await announce(ctx, rows)
        accepted = len(new)


async def _count_accepted(
    conn: Connection, *, follower_ids: Sequence[int], account_id: int
) -> list[OutboxRow]:
    if not follower_ids:
        return []
    pairs = [(follower_id, account_id) for follower_id in follower_ids]
    await relations.count_follows(conn, pairs=pairs, by=1)
    drafts = [NotificationDraft(account_id, "follow", follower_id) for follower_id in follower_ids]
    return await outbox.append(conn, events=[*followed(pairs), *await notify(conn, drafts=drafts)])


async def reject(ctx: Context, *, account_id: int, from_id: int) -> Relationship:
    """Refuse a follow request. Raises NotFound when nobody asked."""
    async with ctx.pool.transaction() as conn:
        await relations.lock_pair(conn, account_id=account_id, target_id=from_id)
        if await relations.delete_request(conn, account_id=from_id, target_id=account_id) is None:
            raise NotFound
        await relations.forget_follow(conn, account_id=from_id, target_id=account_id)
        rows = await outbox.append(conn, events=[RelationChanged(from_id, account_id, "unrequest")])
    await announce(ctx, rows)
    return await relationship(ctx, account_id=account_id, target_id=from_id)


async def relationship(ctx: Context, *, account_id: int, target_id: int) -> Relationship:
    """How the caller stands to one account, from Postgres. Raises NotFound without such an account."""
    async with ctx.pool.connection() as conn:
        found = await relations.relationships(conn, account_id=account_id, target_ids=[target_id])
    if not found:
        raise NotFound
    return found[0]
