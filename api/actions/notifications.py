"""Reading notifications: the stored rows, minus what the reader no longer wants or may no longer see."""

from collections.abc import Sequence

from api import drawing
from api.context import Context
from cluster.errors import NotFound
from db.entities import Notification
from db.pages import Page, Window
from db.queries import notifications
from db.queries.notifications import Wanted

__all__ = ["Wanted", "clear", "dismiss", "draw", "page", "show", "unread_count"]

REFILLS_MAX = 3  # further reads when the rules removed much of a page; a short page is allowed


async def page(ctx: Context, *, account_id: int, wanted: Wanted, window: Window) -> Page[bytes]:
    """The window's notifications as JSON, newest first. Cursors are those of the rows that were looked at,
    so that a page whose entries are all hidden still leads on."""
    seen: list[Notification] = []
    drawn: list[bytes] = []
    full = True
    for _ in range(1 + REFILLS_MAX):
        rest = _rest(window, seen, window.limit - len(drawn))
        async with ctx.pool.connection() as conn:
            found = await notifications.page(conn, account_id=account_id, wanted=wanted, window=rest)
        more = await drawing.draw_notifications(ctx, notifications=found, caller_id=account_id)
        seen, drawn = (found + seen, more + drawn) if window.upward else (seen + found, drawn + more)
        full = len(found) == rest.limit
        if not full or len(drawn) == window.limit:
            break
    if not seen:
        return Page(())
    return Page(drawn, newest=seen[0].id, oldest=seen[-1].id, more=full or window.upward)


def _rest(window: Window, seen: Sequence[Notification], limit: int) -> Window:
    if not seen:
        return window
    if window.upward:
        return Window(limit, max_id=window.max_id, min_id=seen[0].id)
    return Window(limit, max_id=seen[-1].id, since_id=window.since_id)


async def show(ctx: Context, *, account_id: int, notification_id: int) -> bytes:
    """One of the caller's notifications. Raises NotFound."""
    drawn = await draw(ctx, account_id=account_id, ids=[notification_id])
    if not drawn:
        raise NotFound
    return drawn[0]


async def draw(ctx: Context, *, account_id: int, ids: Sequence[int]) -> list[bytes]:
    """Those of one person's notifications that they may still see, newest first; streams use it too."""
    async with ctx.pool.connection() as conn:
        found = await notifications.by_ids(conn, account_id=account_id, ids=ids)
    return await drawing.draw_notifications(ctx, notifications=found, caller_id=account_id)


async def unread_count(ctx: Context, *, account_id: int, wanted: Wanted, limit: int) -> int:
    """How many came after the caller's read marker, up to `limit`."""
    async with ctx.pool.connection() as conn:
        return await notifications.unread_count(conn, account_id=account_id, wanted=wanted, limit=limit)


async def clear(ctx: Context, *, account_id: int) -> None:
    """Forget all of the caller's notifications."""
    async with ctx.pool.transaction() as conn:
        await notifications.delete_all(conn, account_id=account_id)


async def dismiss(ctx: Context, *, account_id: int, notification_id: int) -> None:
    """Forget one. Raises NotFound when it is absent or not the caller's."""
    async with ctx.pool.transaction() as conn:
        if not await notifications.delete_one(conn, notification_id=notification_id, account_id=account_id):
            raise NotFound
