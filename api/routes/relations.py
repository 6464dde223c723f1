"""Following, blocking, muting, follow requests, and the lists of people that come of them."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api import answers, deps, entities, forms, paging
from api.actions import follows, relations
from api.actions.follows import FollowOptions
from api.routes.accounts import LANGUAGE
from db.entities import Relationship

router = APIRouter(tags=["relations"])

DURATION_S_MAX = 10 * 366 * 86_400  # a longer mute is meant to be for ever: 0


class FollowParams(forms.Params):
    """What a follow asks for."""

    reblogs: forms.Bool | None = None
    notify: forms.Bool | None = None
    languages: list[Annotated[str, Field(pattern=LANGUAGE)]] | None = Field(None, max_length=100)


class MuteParams(forms.Params):
    """What a mute covers, and for how long (0: for ever)."""

    notifications: forms.Bool = True
    duration: int = Field(0, ge=0, le=DURATION_S_MAX)


@router.post("/api/v1/accounts/{account_id}/follow")
async def follow(request: Request, account_id: str) -> Response:
    """Follow, or ask to; again: change what the follow asks for."""
    caller = await deps.user(request, "write:follows")
    params = await forms.read(request, FollowParams)
    options = FollowOptions(params.reblogs, params.notify, params.languages)
    return _answer(
        await follows.follow(
            deps.context(request),
            account_id=caller.account_id,
            target_id=deps.path_id(account_id),
            options=options,
        )
    )


@router.post("/api/v1/accounts/{account_id}/unfollow")
async def unfollow(request: Request, account_id: str) -> Response:
    """Stop following, or withdraw the request."""
    caller = await deps.user(request, "write:follows")
    target_id = deps.path_id(account_id)
    return _answer(
        await follows.unfollow(deps.context(request), account_id=caller.account_id, target_id=target_id)
    )


@router.post("/api/v1/accounts/{account_id}/remove_from_followers")
async def remove_from_followers(request: Request, account_id: str) -> Response:
    """Make somebody stop following the caller."""
    caller = await deps.user(request, "write:follows")
    follower_id = deps.path_id(account_id)
    return _answer(
        await follows.remove_follower(
            deps.context(request), account_id=caller.account_id, follower_id=follower_id
        )
    )


@router.post("/api/v1/accounts/{account_id}/block")
async def block(request: Request, account_id: str) -> Response:
    """Have nothing to do with somebody any more."""
    caller = await deps.user(request, "write:blocks")
    target_id = deps.path_id(account_id)
    return _answer(
        await relations.block(deps.context(request), account_id=caller.account_id, target_id=target_id)
    )


@router.post("/api/v1/accounts/{account_id}/unblock")
async def unblock(request: Request, account_id: str) -> Response:
    """End a block."""
    caller = await deps.user(request, "write:blocks")
    target_id = deps.path_id(account_id)
    return _answer(
        await relations.unblock(deps.context(request), account_id=caller.account_id, target_id=target_id)
    )


@router.post("/api/v1/accounts/{account_id}/mute")
async def mute(request: Request, account_id: str) -> Response:
    """Not hear from somebody, for a time or for ever."""
    caller = await deps.user(request, "write:mutes")
    params = await forms.read(request, MuteParams)
    return _answer(
        await relations.mute(
            deps.context(request),
            account_id=caller.account_id,
            target_id=deps.path_id(account_id),
            hide_notifications=params.notifications,
            duration_s=params.duration,
        )
    )


@router.post("/api/v1/accounts/{account_id}/unmute")
async def unmute(request: Request, account_id: str) -> Response:
    """End a mute."""
    caller = await deps.user(request, "write:mutes")
    target_id = deps.path_id(account_id)
    return _answer(
        await relations.unmute(deps.context(request), account_id=caller.account_id, target_id=target_id)
    )


@router.get("/api/v1/accounts/{account_id}/followers")
async def followers(request: Request, account_id: str) -> Response:
    """Who follows an account."""
    caller = await deps.anyone(request, "read:accounts")
    page = await relations.followers(
        deps.context(request),
        account_id=deps.path_id(account_id),
        viewer_id=caller.account_id if caller else None,
        window=deps.window(request, default=paging.LIMIT, maximum=paging.LIMIT_MAX),
    )
    return await paging.people(request, page)


@router.get("/api/v1/accounts/{account_id}/following")
async def following(request: Request, account_id: str) -> Response:
    """Whom an account follows."""
    caller = await deps.anyone(request, "read:accounts")
    page = await relations.following(
        deps.context(request),
        account_id=deps.path_id(account_id),
        viewer_id=caller.account_id if caller else None,
        window=deps.window(request, default=paging.LIMIT, maximum=paging.LIMIT_MAX),
    )
    return await paging.people(request, page)


@router.get("/api/v1/blocks")
async def blocks(request: Request) -> Response:
    """Whom the caller blocks."""
    caller = await deps.user(request, "read:blocks")
    window = deps.window(request, default=paging.LIMIT, maximum=paging.LIMIT_MAX)
    page = await relations.blocked(deps.context(request), account_id=caller.account_id, window=window)
    return await paging.people(request, page)


@router.get("/api/v1/mutes")
async def mutes(request: Request) -> Response:
    """Whom the caller mutes."""
    caller = await deps.user(request, "read:mutes")
    window = deps.window(request, default=paging.LIMIT, maximum=paging.LIMIT_MAX)
    page = await relations.muted(deps.context(request), account_id=caller.account_id, window=window)
    return await paging.muted(request, page)


@router.get("/api/v1/follow_requests")
async def follow_requests(request: Request) -> Response:
    """Who asks to follow the caller."""
    caller = await deps.user(request, "read:follows")
    window = deps.window(request, default=paging.LIMIT, maximum=paging.LIMIT_MAX)
    page = await relations.requests(deps.context(request), account_id=caller.account_id, window=window)
    return await paging.people(request, page)


@router.post("/api/v1/follow_requests/{account_id}/authorize")
async def authorize(request: Request, account_id: str) -> Response:
    """Accept somebody's request to follow the caller."""
    caller = await deps.user(request, "write:follows")
    from_id = deps.path_id(account_id)
    return _answer(
        await follows.authorize(deps.context(request), account_id=caller.account_id, from_id=from_id)
    )


@router.post("/api/v1/follow_requests/{account_id}/reject")
async def reject(request: Request, account_id: str) -> Response:
    """Refuse somebody's request to follow the caller."""
    caller = await deps.user(request, "write:follows")
    from_id = deps.path_id(account_id)
    return _answer(await follows.reject(deps.context(request), account_id=caller.account_id, from_id=from_id))


def _answer(relationship: Relationship) -> Response:
    return answers.json(entities.render_relationship(relationship))
