"""Timelines: where the ids come from, and which rule the viewer's eyes follow. `api/filling.py` fills pages.

Home comes from this replica's copy of the feed's head, else from the feed's shard, else from Postgres; what
reaches below a shard's ring continues in Postgres at the ring's floor, so no page has a seam.
"""

from collections.abc import Sequence
from dataclasses import replace

from actors.ports import HomeSlice
from api import hydrate, rules
from api.context import Context
from api.filling import fill
from cluster.errors import NotFound, Unavailable
from cluster.ids import ID_MAX
from db.pages import Page, Window
from db.queries import feeds, lists
from db.queries import timelines as queries
from db.queries.timelines import TagChoice, Wanted

__all__ = ["TagChoice", "Wanted", "authored", "home", "home_ids", "listed", "public", "tagged"]

_OPEN = ("public", "unlisted")
_FOLLOWERS = (*_OPEN, "private")
_ALL = (*_FOLLOWERS, "direct")


async def home(ctx: Context, *, account_id: int, window: Window) -> Page[bytes]:
    """The caller's home feed."""
    viewer = ctx.viewers.peek(account_id) or await ctx.viewers.get(account_id)

    async def skeleton(part: Window) -> Sequence[int]:
        ids = ctx.heads.peek(account_id=account_id, window=part)
        return ids if ids is not None else await home_ids(ctx, account_id=account_id, window=part)

    def gone(status_id: int) -> None:
        ctx.heads.discard(account_id=account_id, status_id=status_id)

    return await fill(ctx, window=window, viewer=viewer, rule=rules.in_home, skeleton=skeleton, gone=gone)


async def home_ids(ctx: Context, *, account_id: int, window: Window) -> Sequence[int]:
    """The window's part of a home feed, newest first, from wherever it is to be had."""
    ids = await ctx.heads.read(account_id=account_id, window=window)
    if ids is not None:
        return ids
    try:
        part = await ctx.feeds.home(account_id=account_id, window=window)
    except Unavailable:
        part = HomeSlice((), ID_MAX)  # nothing is known above this floor: all of it comes from Postgres
    if window.upward:
        return await _continued_upward(ctx, account_id=account_id, window=window, part=part)
    return await _continued_downward(ctx, account_id=account_id, window=window, part=part)


async def _continued_downward(
    ctx: Context, *, account_id: int, window: Window, part: HomeSlice
) -> Sequence[int]:
    missing = window.limit - len(part.ids)
    if missing <= 0 or part.floor <= window.low:
        return part.ids
    bound = min(window.high, part.floor + 1, *part.ids[-1:])
    async with ctx.pool.connection() as conn:
        older = await feeds.home_ids(
            conn, account_id=account_id, window=replace(window, limit=missing, max_id=bound)
        )
    return [*part.ids, *older]


async def _continued_upward(
    ctx: Context, *, account_id: int, window: Window, part: HomeSlice
) -> Sequence[int]:
    if part.floor <= window.low:
        return part.ids
    bound = min(window.high, part.floor + 1)
    async with ctx.pool.connection() as conn:
        older = await feeds.home_ids(conn, account_id=account_id, window=replace(window, max_id=bound))
    missing = window.limit - len(older)
    above = [status_id for status_id in part.ids if status_id > part.floor]
    return [*(above[-missing:] if missing else ()), *older]


async def public(
    ctx: Context, *, caller_id: int | None, window: Window, remote: bool = False, only_media: bool = False
) -> Page[bytes]:
    """Everybody's public posts. All of them are local; `remote` posts do not exist here."""

    async def skeleton(part: Window) -> Sequence[int]:
        if remote:
            return ()
        async with ctx.pool.connection() as conn:
            return await queries.public_ids(conn, window=part, only_media=only_media)

    viewer = await hydrate.viewer_of(ctx, caller_id)
    return await fill(ctx, window=window, viewer=viewer, rule=rules.in_public, skeleton=skeleton)


async def tagged(
    ctx: Context, *, caller_id: int | None, window: Window, choice: TagChoice, only_media: bool = False
) -> Page[bytes]:
    """Public posts with these hashtags."""

    async def skeleton(part: Window) -> Sequence[int]:
        async with ctx.pool.connection() as conn:
            return await queries.tagged_ids(conn, window=part, choice=choice, only_media=only_media)

    viewer = await hydrate.viewer_of(ctx, caller_id)
    return await fill(ctx, window=window, viewer=viewer, rule=rules.in_public, skeleton=skeleton)


async def listed(ctx: Context, *, account_id: int, list_id: int, window: Window) -> Page[bytes]:
    """What the members of one of the caller's lists wrote. Raises NotFound for somebody else's list."""
    async with ctx.pool.connection() as conn:
        if await lists.owned(conn, list_id=list_id, account_id=account_id) is None:
            raise NotFound

    async def skeleton(part: Window) -> Sequence[int]:
        async with ctx.pool.connection() as conn:
            return await queries.listed_ids(conn, window=part, list_id=list_id)

    viewer = await ctx.viewers.get(account_id)
    return await fill(ctx, window=window, viewer=viewer, rule=rules.in_list, skeleton=skeleton)


async def authored(
    ctx: Context,
    *,
    account_id: int,
    caller_id: int | None,
    window: Window,
    wanted: Wanted,
    pinned: bool = False,
) -> Page[bytes]:
    """An author's statuses as the caller may see them. Raises NotFound without such an account."""
    author = (await hydrate.accounts(ctx, ids=(account_id,))).get(account_id)
    if author is None:
        raise NotFound
    viewer = await hydrate.viewer_of(ctx, caller_id)
    visibilities: Sequence[str] = _OPEN
    if caller_id == account_id:
        visibilities = _ALL
    elif viewer is not None and account_id in viewer.follows:
        visibilities = _FOLLOWERS

    async def skeleton(part: Window) -> Sequence[int]:
        async with ctx.pool.connection() as conn:
            if pinned:
                return await queries.pinned_ids(conn, window=part, account_id=account_id)
            return await queries.authored_ids(
                conn,
                window=part,
                account_id=account_id,
                visibilities=visibilities,
                mentioned_id=caller_id,
                wanted=wanted,
            )

    return await fill(ctx, window=window, viewer=viewer, rule=rules.in_profile, skeleton=skeleton)
