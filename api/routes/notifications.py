"""Notifications and conversations of the caller."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answers, deps, forms, paging
from api.actions import conversations, notifications
from api.actions.notifications import Wanted
from cluster.ids import parse_id

router = APIRouter(tags=["notifications"])


class NotificationParams(forms.Params):
    """Which notifications. Types that do not exist match nothing."""

    types: list[str] | None = None
    exclude_types: list[str] = []
    account_id: str | None = None


class UnreadParams(NotificationParams):
    """Where counting stops."""

    limit: int | None = None


class DismissParams(forms.Params):
    """The old way to name a notification."""

    id: str


@router.get("/api/v1/notifications")
async def index(request: Request) -> Response:
    """What others did that concerns the caller."""
    caller = await deps.user(request, "read:notifications")
    params = await forms.read(request, NotificationParams)
    page = await notifications.page(
        deps.context(request),
        account_id=caller.account_id,
        wanted=_wanted(params),
        window=deps.window(request, default=40, maximum=80),
    )
    return answers.page(request, page, answers.array(list(page.items)))


@router.get("/api/v1/notifications/unread_count")
async def unread_count(request: Request) -> Response:
    """How many came since the caller's read marker."""
    caller = await deps.user(request, "read:notifications")
    params = await forms.read(request, UnreadParams)
    limit, _ = paging.bounded(limit=params.limit, default=100, maximum=1000)
    count = await notifications.unread_count(
        deps.context(request), account_id=caller.account_id, wanted=_wanted(params), limit=limit
    )
    return answers.json({"count": count})


def _wanted(params: NotificationParams) -> Wanted:
    from_id = None if not params.account_id else (parse_id(params.account_id) or 0)  # 0: nobody
    return Wanted(params.types or None, params.exclude_types, from_id)


@router.post("/api/v1/notifications/clear")
async def clear(request: Request) -> Response:
    """Forget them all."""
    caller = await deps.user(request, "write:notifications")
    await notifications.clear(deps.context(request), account_id=caller.account_id)
    return answers.empty()


@router.post("/api/v1/notifications/dismiss")
async def dismiss_named(request: Request) -> Response:
    """Forget one, as old clients ask for it."""
    caller = await deps.user(request, "write:notifications")
    params = await forms.read(request, DismissParams)
    await notifications.dismiss(
        deps.context(request), account_id=caller.account_id, notification_id=deps.path_id(params.id)
    )
    return answers.empty()


@router.get("/api/v1/notifications/{notification_id}")
async def show(request: Request, notification_id: str) -> Response:
    """One of them."""
    caller = await deps.user(request, "read:notifications")
    drawn = await notifications.show(
        deps.context(request),
        account_id=caller.account_id,
        notification_id=deps.path_id(notification_id),
    )
    return answers.raw(drawn)


@router.post("/api/v1/notifications/{notification_id}/dismiss")
async def dismiss(request: Request, notification_id: str) -> Response:
    """Forget one."""
    caller = await deps.user(request, "write:notifications")
    await notifications.dismiss(
        deps.context(request),
        account_id=caller.account_id,
        notification_id=deps.path_id(notification_id),
    )
    return answers.empty()


@router.get("/api/v1/conversations")
async def conversation_index(request: Request) -> Response:
    """The caller's direct conversations."""
    caller = await deps.user(request, "read:statuses")
    page = await conversations.page(
        deps.context(request), account_id=caller.account_id, window=deps.window(request)
    )
    return answers.page(request, page, answers.array(list(page.items)))


@router.post("/api/v1/conversations/{conversation_id}/read")
async def conversation_read(request: Request, conversation_id: str) -> Response:
    """The caller has read it."""
    caller = await deps.user(request, "write:conversations")
    drawn = await conversations.mark_read(
        deps.context(request),
        account_id=caller.account_id,
        conversation_id=deps.path_id(conversation_id),
    )
    return answers.raw(drawn)


@router.delete("/api/v1/conversations/{conversation_id}")
async def conversation_dismiss(request: Request, conversation_id: str) -> Response:
    """Take it out of the list."""
    caller = await deps.user(request, "write:conversations")
    await conversations.dismiss(
        deps.context(request),
        account_id=caller.account_id,
        conversation_id=deps.path_id(conversation_id),
    )
    return answers.empty()
