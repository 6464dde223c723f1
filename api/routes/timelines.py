"""Timelines: home, public, hashtag, list, and one account's statuses."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answers, deps, forms, text
from api.actions import timelines
from api.actions.timelines import TagChoice, Wanted
from db.pages import Page

router = APIRouter(tags=["timelines"])

TAGS_MAX = 4  # additional hashtags of each kind, as Mastodon


class PublicParams(forms.Params):
    """Which public posts."""

    local: forms.Bool = False
    remote: forms.Bool = False
    only_media: forms.Bool = False


class TagParams(PublicParams):
    """Which hashtags beside the one in the path. `any`, `all` and `none` are Mastodon's names."""

    any: list[str] = []
    all: list[str] = []
    none: list[str] = []


class AccountStatusesParams(forms.Params):
    """Which of an author's statuses."""

    exclude_replies: forms.Bool = False
    exclude_reblogs: forms.Bool = False
    only_media: forms.Bool = False
    pinned: forms.Bool = False
    tagged: str | None = None


@router.get("/api/v1/timelines/home")
async def home(request: Request) -> Response:
    """Statuses of the people whom the caller follows."""
    caller = await deps.user(request, "read:statuses")
    page = await timelines.home(
        deps.context(request), account_id=caller.account_id, window=deps.window(request)
    )
    return _answer(request, page)


@router.get("/api/v1/timelines/public")
async def public(request: Request) -> Response:
    """Everybody's public posts."""
    caller = await deps.anyone(request, "read:statuses")
    params = await forms.read(request, PublicParams)
    page = await timelines.public(
        deps.context(request),
        caller_id=caller.account_id if caller else None,
        window=deps.window(request),
        remote=params.remote and not params.local,
        only_media=params.only_media,
    )
    return _answer(request, page)


@router.get("/api/v1/timelines/tag/{name}")
async def tag(request: Request, name: str) -> Response:
    """Public posts with a hashtag."""
    caller = await deps.anyone(request, "read:statuses")
    params = await forms.read(request, TagParams)
    page = await timelines.tagged(
        deps.context(request),
        caller_id=caller.account_id if caller else None,
        window=deps.window(request),
        choice=TagChoice(_names([name, *params.any[:TAGS_MAX]]), _names(params.all), _names(params.none)),
        only_media=params.only_media,
    )
    return _answer(request, page)


@router.get("/api/v1/timelines/list/{list_id}")
async def listed(request: Request, list_id: str) -> Response:
    """What the members of one of the caller's lists wrote."""
    caller = await deps.user(request, "read:lists")
    page = await timelines.listed(
        deps.context(request),
        account_id=caller.account_id,
        list_id=deps.path_id(list_id),
        window=deps.window(request),
    )
    return _answer(request, page)


@router.get("/api/v1/accounts/{account_id}/statuses")
async def account_statuses(request: Request, account_id: str) -> Response:
    """One account's statuses."""
    caller = await deps.anyone(request, "read:statuses")
    params = await forms.read(request, AccountStatusesParams)
    page = await timelines.authored(
        deps.context(request),
        account_id=deps.path_id(account_id),
        caller_id=caller.account_id if caller else None,
        window=deps.window(request),
        wanted=Wanted(
            exclude_replies=params.exclude_replies,
            exclude_reblogs=params.exclude_reblogs,
            only_media=params.only_media,
            tagged=text.tag_name(params.tagged) if params.tagged else None,
        ),
        pinned=params.pinned,
    )
    return _answer(request, page)


def _names(typed: list[str]) -> tuple[str, ...]:
    return tuple(text.tag_name(name) for name in typed[: TAGS_MAX + 1])


def _answer(request: Request, page: Page[bytes]) -> Response:
    return answers.page(request, page, b"[" + b",".join(page.items) + b"]")
