"""Uploads, and the pictures themselves."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answers, deps, forms
from api.actions import media
from cluster.errors import FieldError, InvalidInput
from db.blobs import CACHE_CONTROL

router = APIRouter(tags=["media"])

HEADERS = {
    "Cache-Control": CACHE_CONTROL,
    # A picture that a browser takes for a page, in spite of its type, may do nothing.
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


class UploadParams(forms.Params):
    """A file and what is said about it."""

    file: forms.Upload | None = None
    description: str | None = None
    focus: str | None = None


class DescribeParams(forms.Params):
    """New words for an upload."""

    description: str | None = None
    focus: str | None = None


@router.post("/api/v2/media")
@router.post("/api/v1/media")
async def upload(request: Request) -> Response:
    """Take in a picture. It is ready when the answer comes."""
    caller = await deps.user(request, "write:media")
    params = await forms.read(request, UploadParams)
    if params.file is None:
        raise InvalidInput(
            "Validation failed: File can't be blank", (FieldError("file", "ERR_BLANK", "can't be blank"),)
        )
    attachment = await media.upload(
        deps.context(request),
        account_id=caller.account_id,
        data=await params.file.read(),
        claimed_type=params.file.content_type or "",
        description=params.description,
        focus=params.focus,
    )
    return answers.json(attachment)


@router.get("/api/v1/media/{media_id}")
async def show(request: Request, media_id: str) -> Response:
    """One's own upload, until it is posted."""
    caller = await deps.user(request, "write:media")
    return answers.json(
        await media.read(deps.context(request), account_id=caller.account_id, media_id=deps.path_id(media_id))
    )


@router.put("/api/v1/media/{media_id}")
async def describe(request: Request, media_id: str) -> Response:
    """Change what is said about an upload, until it is posted."""
    caller = await deps.user(request, "write:media")
    params = await forms.read(request, DescribeParams)
    return answers.json(
        await media.describe(
            deps.context(request),
            account_id=caller.account_id,
            media_id=deps.path_id(media_id),
            description=params.description,
            focus=params.focus,
        )
    )


@router.delete("/api/v1/media/{media_id}")
async def delete(request: Request, media_id: str) -> Response:
    """Remove an upload that was not posted."""
    caller = await deps.user(request, "write:media")
    await media.delete(deps.context(request), account_id=caller.account_id, media_id=deps.path_id(media_id))
    return answers.empty()


@router.get("/media/{key:path}", include_in_schema=False)
async def serve(request: Request, key: str) -> Response:
    """An object, to keep for ever."""
    data, kind = await media.fetch(deps.context(request), key)
    return Response(data, media_type=kind, headers=HEADERS)
