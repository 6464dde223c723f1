"""Favourite, reblog, bookmark, pin, mute the thread; who did, and one's own lists."""

from collections.abc import Awaitable
from typing import Protocol

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answers, deps, forms
from api.actions import reactions
from api.context import Context
from db.pages import Page

router = APIRouter(tags=["statuses"])

PEOPLE, PEOPLE_MAX = 40, 80  # accounts on a page of who reacted, as Mastodon


class ReblogParams(forms.Params):
    """How to reblog."""

    visibility: str | None = None


class _Act(Protocol):
    def __call__(self, ctx: Context, *, account_id: int, status_id: int) -> Awaitable[bytes]: ...


async def _do(request: Request, status_id: str, act: _Act, scope: str) -> Response:
    caller = await deps.user(request, scope)
    wanted = deps.path_id(status_id)
    return answers.raw(await act(deps.context(request), account_id=caller.account_id, status_id=wanted))


@router.post("/api/v1/statuses/{status_id}/favourite")
async def favourite(request: Request, status_id: str) -> Response:
    """Favourite a status."""
    return await _do(request, status_id, reactions.favourite, "write:favourites")


@router.post("/api/v1/statuses/{status_id}/unfavourite")
async def unfavourite(request: Request, status_id: str) -> Response:
    """Take a favourite back."""
    return await _do(request, status_id, reactions.unfavourite, "write:favourites")


@router.post("/api/v1/statuses/{status_id}/reblog")
async def reblog(request: Request, status_id: str) -> Response:
    """Pass a status on to one's followers; the answer is the reblog."""
    caller = await deps.user(request, "write:statuses")
    params = await forms.read(request, ReblogParams)
    drawn = await reactions.reblog(
        deps.context(request),
        account_id=caller.account_id,
        status_id=deps.path_id(status_id),
        visibility=params.visibility,
        app_id=caller.app_id,
    )
    return answers.raw(drawn)


@router.post("/api/v1/statuses/{status_id}/unreblog")
async def unreblog(request: Request, status_id: str) -> Response:
    """Take a reblog back; the answer is the original."""
    return await _do(request, status_id, reactions.unreblog, "write:statuses")


@router.post("/api/v1/statuses/{status_id}/bookmark")
async def bookmark(request: Request, status_id: str) -> Response:
    """Bookmark a status."""
    return await _do(request, status_id, reactions.bookmark, "write:bookmarks")


@router.post("/api/v1/statuses/{status_id}/unbookmark")
async def unbookmark(request: Request, status_id: str) -> Response:
    """Remove a bookmark."""
    return await _do(request, status_id, reactions.unbookmark, "write:bookmarks")


@router.post("/api/v1/statuses/{status_id}/pin")
async def pin(request: Request, status_id: str) -> Response:
    """Show a status on top of one's profile."""
    return await _do(request, status_id, reactions.pin, "write:accounts")


@router.post("/api/v1/statuses/{status_id}/unpin")
async def unpin(request: Request, status_id: str) -> Response:
    """Take a status off one's profile."""
    return await _do(request, status_id, reactions.unpin, "write:accounts")


@router.post("/api/v1/statuses/{status_id}/mute")
async def mute(request: Request, status_id: str) -> Response:
    """No more notifications from a status's thread."""
    return await _do(request, status_id, reactions.mute_thread, "write:mutes")


@router.post("/api/v1/statuses/{status_id}/unmute")
async def unmute(request: Request, status_id: str) -> Response:
    """Notifications from a status's thread again."""
    return await _do(request, status_id, reactions.unmute_thread, "write:mutes")


@router.get("/api/v1/statuses/{status_id}/favourited_by")
async def favourited_by(request: Request, status_id: str) -> Response:
    """Who favourited a status."""
    caller = await deps.anyone(request, "read:accounts")
    page = await reactions.favourited_by(
        deps.context(request),
        caller_id=caller.account_id if caller else None,
        status_id=deps.path_id(status_id),
        window=deps.window(request, default=PEOPLE, maximum=PEOPLE_MAX),
    )
    return _page(request, page)


@router.get("/api/v1/statuses/{status_id}/reblogged_by")
async def reblogged_by(request: Request, status_id: str) -> Response:
    """Who reblogged a status."""
    caller = await deps.anyone(request, "read:accounts")
    page = await reactions.reblogged_by(
        deps.context(request),
        caller_id=caller.account_id if caller else None,
        status_id=deps.path_id(status_id),
        window=deps.window(request, default=PEOPLE, maximum=PEOPLE_MAX),
    )
    return _page(request, page)


@router.get("/api/v1/favourites")
async def favourites(request: Request) -> Response:
    """What the caller favourited, newest favourite first."""
    caller = await deps.user(request, "read:favourites")
    page = await reactions.favourites(
        deps.context(request), account_id=caller.account_id, window=deps.window(request)
    )
    return _page(request, page)


@router.get("/api/v1/bookmarks")
async def bookmarks(request: Request) -> Response:
    """What the caller bookmarked, newest bookmark first."""
    caller = await deps.user(request, "read:bookmarks")
    page = await reactions.bookmarks(
        deps.context(request), account_id=caller.account_id, window=deps.window(request)
    )
    return _page(request, page)


def _page(request: Request, page: Page[bytes]) -> Response:
    return answers.page(request, page, answers.array(list(page.items)))
