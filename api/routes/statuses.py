"""Statuses: post, read, edit, delete, in their thread, as typed, as they were."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answers, deps, drawing, forms
from api.actions import edits, statuses
from api.actions.edits import Changes, MediaChange
from api.actions.statuses import Draft
from cluster.errors import InvalidInput
from cluster.ids import parse_id

router = APIRouter(tags=["statuses"])


class PostParams(forms.Params):
    """A new status."""

    status: str | None = None
    media_ids: list[forms.Id] = []
    poll: dict[str, object] | None = None
    in_reply_to_id: str | None = None
    sensitive: forms.Bool | None = None
    spoiler_text: str | None = None
    visibility: str | None = None
    language: str | None = None
    scheduled_at: str | None = None
    quoted_status_id: str | None = None

    def refuse_what_is_missing(self) -> None:
        """Better an error than a post that is not what its author meant. Raises InvalidInput."""
        if self.scheduled_at:
            raise InvalidInput("Scheduled posts are not supported by this server yet")
        if self.poll:
            raise InvalidInput("Polls are not supported by this server yet")
        if self.quoted_status_id:
            raise InvalidInput("Quotes are not supported by this server yet")


class MediaAttributes(forms.Params):
    """New words for one attached file."""

    id: forms.Id
    description: str | None = None
    focus: str | None = None


class EditParams(forms.Params):
    """A status as it shall be."""

    status: str | None = None
    spoiler_text: str | None = None
    sensitive: forms.Bool = False
    language: str | None = None
    media_ids: list[forms.Id] = []
    media_attributes: list[MediaAttributes] = []
    poll: dict[str, object] | None = None


class DeleteParams(forms.Params):
    """How to delete."""

    delete_media: forms.Bool = False


class ManyParams(forms.Params):
    """Which statuses."""

    id: list[str] = []


@router.post("/api/v1/statuses")
async def create(request: Request) -> Response:
    """Post a status. An `Idempotency-Key` repeats the first answer for an hour."""
    caller = await deps.user(request, "write:statuses")
    params = await forms.read(request, PostParams)
    params.refuse_what_is_missing()
    ctx = deps.context(request)
    draft = Draft(
        account_id=caller.account_id,
        text=params.status or "",
        visibility=params.visibility or None,
        spoiler_text=params.spoiler_text or "",
        sensitive=params.sensitive,
        language=params.language,
        in_reply_to_id=_reply_to(params.in_reply_to_id),
        media_ids=tuple(dict.fromkeys(params.media_ids)),
        idempotency_key=request.headers.get("idempotency-key") or None,
        app_id=caller.app_id,
    )
    status_id = await statuses.post(ctx, draft)
    return answers.raw(await drawing.draw_status(ctx, status_id=status_id, caller_id=caller.account_id))


def _reply_to(given: str | None) -> int | None:
    """A reply to something that cannot exist must not become a post of its own."""
    return (parse_id(given) or 0) if given else None


@router.get("/api/v1/statuses")
async def many(request: Request) -> Response:
    """Some statuses by id."""
    caller = await deps.anyone(request, "read:statuses")
    params = await forms.read(request, ManyParams)
    ids = [found for text in params.id if (found := parse_id(text)) is not None]
    drawn = await statuses.draw_many(
        deps.context(request), ids=list(dict.fromkeys(ids)), caller_id=caller.account_id if caller else None
    )
    return answers.raw(answers.array(drawn))


@router.get("/api/v1/statuses/{status_id}")
async def show(request: Request, status_id: str) -> Response:
    """One status."""
    caller = await deps.anyone(request, "read:statuses")
    caller_id = caller.account_id if caller else None
    ctx = deps.context(request)
    return answers.raw(await drawing.draw_status(ctx, status_id=deps.path_id(status_id), caller_id=caller_id))


@router.put("/api/v1/statuses/{status_id}")
async def edit(request: Request, status_id: str) -> Response:
    """Replace one's own status with a new version."""
    caller = await deps.user(request, "write:statuses")
    params = await forms.read(request, EditParams)
    if params.poll:
        raise InvalidInput("Polls are not supported by this server yet")
    ctx, wanted = deps.context(request), deps.path_id(status_id)
    changes = Changes(
        text=params.status or "",
        spoiler_text=params.spoiler_text or "",
        sensitive=params.sensitive,
        language=params.language,
        media_ids=tuple(dict.fromkeys(params.media_ids)),
        media=tuple(MediaChange(one.id, one.description, one.focus) for one in params.media_attributes),
    )
    await edits.edit(ctx, account_id=caller.account_id, status_id=wanted, to=changes)
    return answers.raw(await drawing.draw_status(ctx, status_id=wanted, caller_id=caller.account_id))


@router.delete("/api/v1/statuses/{status_id}")
async def delete(request: Request, status_id: str) -> Response:
    """Delete one's own status; the answer has the text, for writing it anew."""
    caller = await deps.user(request, "write:statuses")
    params = await forms.read(request, DeleteParams)
    return answers.raw(
        await statuses.delete(
            deps.context(request),
            account_id=caller.account_id,
            status_id=deps.path_id(status_id),
            delete_media=params.delete_media,
        )
    )


@router.get("/api/v1/statuses/{status_id}/context")
async def context(request: Request, status_id: str) -> Response:
    """What a status answers, and what answers it."""
    caller = await deps.anyone(request, "read:statuses")
    ancestors, descendants = await statuses.context(
        deps.context(request),
        status_id=deps.path_id(status_id),
        caller_id=caller.account_id if caller else None,
    )
    return answers.raw(
        b'{"ancestors":%b,"descendants":%b}' % (answers.array(ancestors), answers.array(descendants))
    )


@router.get("/api/v1/statuses/{status_id}/source")
async def source(request: Request, status_id: str) -> Response:
    """What was typed."""
    caller = await deps.user(request, "read:statuses")
    return answers.json(
        await statuses.source(
            deps.context(request), caller_id=caller.account_id, status_id=deps.path_id(status_id)
        )
    )


@router.get("/api/v1/statuses/{status_id}/history")
async def history(request: Request, status_id: str) -> Response:
    """All versions of a status."""
    caller = await deps.anyone(request, "read:statuses")
    drawn = await edits.history(
        deps.context(request),
        caller_id=caller.account_id if caller else None,
        status_id=deps.path_id(status_id),
    )
    return answers.raw(answers.array(drawn))
