"""What people do with statuses: favourite, reblog, bookmark, pin, mute the thread; and the lists of it."""

from collections.abc import Sequence

from api import drawing
from api.actions.posting import visibility_of
from api.actions.statuses import own
from api.cards import Card
from api.committer import Writer
from api.context import Context
from api.revising import Pin, ThreadMute, write_pins, write_thread_mutes, write_unpins
from api.writers import (
    Reaction,
    Reblog,
    write_bookmarks,
    write_favourites,
    write_reblogs,
    write_unbookmarks,
    write_unfavourites,
    write_unreblogs,
)
from cluster.errors import Forbidden, InvalidInput
from db.pages import Page, Window
from db.queries import reactions as queries
from db.queries import statuses


async def favourite(ctx: Context, *, account_id: int, status_id: int) -> bytes:
    """Favourite a status; the status. Raises NotFound, Forbidden when the caller blocks its author."""
    card = await _unblocked(ctx, account_id=account_id, status_id=status_id)
    return await _react(ctx, write_favourites, account_id=account_id, card=card)


async def unfavourite(ctx: Context, *, account_id: int, status_id: int) -> bytes:
    """Take a favourite back; the status. Raises NotFound."""
    card = await _seen(ctx, account_id=account_id, status_id=status_id)
    return await _react(ctx, write_unfavourites, account_id=account_id, card=card)


async def bookmark(ctx: Context, *, account_id: int, status_id: int) -> bytes:
    """Bookmark a status; the status. Raises NotFound."""
    card = await _seen(ctx, account_id=account_id, status_id=status_id)
    return await _react(ctx, write_bookmarks, account_id=account_id, card=card)


async def unbookmark(ctx: Context, *, account_id: int, status_id: int) -> bytes:
    """Remove a bookmark; the status. Raises NotFound."""
    card = await _seen(ctx, account_id=account_id, status_id=status_id)
    return await _react(ctx, write_unbookmarks, account_id=account_id, card=card)


async def unreblog(ctx: Context, *, account_id: int, status_id: int) -> bytes:
    """Take a reblog back; the original, not reblogged any more. Raises NotFound."""
    card = await _seen(ctx, account_id=account_id, status_id=status_id)
    return await _react(ctx, write_unreblogs, account_id=account_id, card=card)


async def reblog(
    ctx: Context, *, account_id: int, status_id: int, visibility: str | None, app_id: int | None
) -> bytes:
    """Reblog a status; the reblog. Again: the same reblog.

    Raises NotFound, Forbidden (a direct status, another's private one, an author whom the caller blocks),
    InvalidInput for a visibility that a reblog cannot have.
    """
    card = await _unblocked(ctx, account_id=account_id, status_id=status_id)
    if card.visibility == "direct":
        raise Forbidden
    if card.visibility == "private" and card.account_id != account_id:
        raise Forbidden
    chosen = visibility_of(visibility) if visibility else None
    if chosen == "direct":
        raise InvalidInput("Validation failed: Visibility of a reblog cannot be direct")
    if card.visibility == "private":
        chosen = "private"
    elif chosen is None:
        chosen = await _default_visibility(ctx, account_id=account_id)
    wish = Reblog(account_id, card.id, card.account_id, card.conversation_id, chosen, app_id)
    reblog_id = await ctx.committer.submit(write_reblogs, wish)
    return await drawing.draw_status(ctx, status_id=reblog_id, caller_id=account_id)


async def _default_visibility(ctx: Context, *, account_id: int) -> str:
    async with ctx.pool.connection() as conn:
        defaults = await statuses.posting_defaults(conn, account_ids=[account_id])
    privacy = defaults[account_id].privacy if account_id in defaults else "public"
    return "private" if privacy == "direct" else privacy


async def pin(ctx: Context, *, account_id: int, status_id: int) -> bytes:
    """Show a status on top of one's profile; the status. Raises NotFound, InvalidInput."""
    card = await drawing.see_status(ctx, status_id=status_id, caller_id=account_id)
    if card.account_id != account_id:
        raise InvalidInput("Validation failed: Someone else's post cannot be pinned")
    if card.inner is not None:
        raise InvalidInput("Validation failed: A boost cannot be pinned")
    if card.visibility == "direct":
        raise InvalidInput(
            "Validation failed: Posts that are only visible to mentioned users cannot be pinned"
        )
    limit = ctx.settings.statuses.pins_max
    if not await ctx.committer.submit(write_pins, Pin(account_id, status_id, limit)):
        raise InvalidInput("Validation failed: You have already pinned the maximum number of posts")
    return await drawing.draw_status(ctx, status_id=status_id, caller_id=account_id)


async def unpin(ctx: Context, *, account_id: int, status_id: int) -> bytes:
    """Take a status off one's profile; the status. Raises NotFound."""
    card = await own(ctx, account_id=account_id, status_id=status_id)
    return await _react(ctx, write_unpins, account_id=account_id, card=card)


async def mute_thread(ctx: Context, *, account_id: int, status_id: int) -> bytes:
    """Hear no more of a status's thread; the status. Raises NotFound."""
    return await _set_muted(ctx, account_id=account_id, status_id=status_id, muted=True)


async def unmute_thread(ctx: Context, *, account_id: int, status_id: int) -> bytes:
    """Hear of a status's thread again; the status. Raises NotFound."""
    return await _set_muted(ctx, account_id=account_id, status_id=status_id, muted=False)


async def _set_muted(ctx: Context, *, account_id: int, status_id: int, muted: bool) -> bytes:
    card = await _seen(ctx, account_id=account_id, status_id=status_id)
    change = ThreadMute(account_id, card.conversation_id, muted)
    await ctx.committer.submit(write_thread_mutes, change)
    return await drawing.draw_status(ctx, status_id=card.id, caller_id=account_id)


async def _seen(ctx: Context, *, account_id: int, status_id: int) -> Card:
    """The status, or the one that it reblogs: reactions belong to originals. Raises NotFound."""
    return (await drawing.see_status(ctx, status_id=status_id, caller_id=account_id)).proper


async def _unblocked(ctx: Context, *, account_id: int, status_id: int) -> Card:
    card = await _seen(ctx, account_id=account_id, status_id=status_id)
    viewer = await ctx.viewers.get(account_id)
    if card.account_id in viewer.blocks:
        raise Forbidden
    return card


async def _react(ctx: Context, writer: Writer[Reaction, None], *, account_id: int, card: Card) -> bytes:
    await ctx.committer.submit(writer, Reaction(account_id, card.id, card.account_id))
    return await drawing.draw_status(ctx, status_id=card.id, caller_id=account_id)


async def favourites(ctx: Context, *, account_id: int, window: Window) -> Page[bytes]:
    """The caller's favourites, as far as they may still be seen."""
    async with ctx.pool.connection() as conn:
        page = await queries.favourites(conn, account_id=account_id, window=window)
    return await _draw(ctx, page, caller_id=account_id)


async def bookmarks(ctx: Context, *, account_id: int, window: Window) -> Page[bytes]:
    """The caller's bookmarks, as far as they may still be seen."""
    async with ctx.pool.connection() as conn:
        page = await queries.bookmarks(conn, account_id=account_id, window=window)
    return await _draw(ctx, page, caller_id=account_id)


async def favourited_by(
    ctx: Context, *, caller_id: int | None, status_id: int, window: Window
) -> Page[bytes]:
    """Who favourited a status. Raises NotFound."""
    card = (await drawing.see_status(ctx, status_id=status_id, caller_id=caller_id)).proper
    async with ctx.pool.connection() as conn:
        page = await queries.favourited_by(conn, status_id=card.id, viewer_id=caller_id, window=window)
    return await _draw_people(ctx, page)


async def reblogged_by(ctx: Context, *, caller_id: int | None, status_id: int, window: Window) -> Page[bytes]:
    """Who reblogged a status for everybody to see. Raises NotFound."""
    card = (await drawing.see_status(ctx, status_id=status_id, caller_id=caller_id)).proper
    async with ctx.pool.connection() as conn:
        page = await queries.reblogged_by(conn, status_id=card.id, viewer_id=caller_id, window=window)
    return await _draw_people(ctx, page)


async def _draw(ctx: Context, page: Page[queries.Reaction], *, caller_id: int) -> Page[bytes]:
    drawn = await drawing.draw_statuses(ctx, ids=_targets(page), caller_id=caller_id)
    return Page(drawn, page.newest, page.oldest, page.more)


async def _draw_people(ctx: Context, page: Page[queries.Reaction]) -> Page[bytes]:
    drawn = await drawing.draw_accounts(ctx, ids=_targets(page))
    return Page(drawn, page.newest, page.oldest, page.more)


def _targets(page: Page[queries.Reaction]) -> Sequence[int]:
    return [entry.of for entry in page.items]
