"""What this server is: the instance documents and what hangs on them."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answers, deps, manifest, placeholders
from api.actions import instance

router = APIRouter(tags=["instance"])


@router.get("/api/v2/instance")
async def current(request: Request) -> Response:
    """The instance document."""
    return answers.raw(manifest.render_v2(await instance.describe(deps.context(request))))


@router.get("/api/v1/instance")
async def legacy(request: Request) -> Response:
    """The instance document for old clients."""
    return answers.raw(manifest.render_v1(await instance.describe(deps.context(request))))


@router.get("/api/v1/instance/activity")
async def activity(request: Request) -> Response:
    """Twelve weeks of statuses, active people and registrations."""
    return answers.json(await instance.activity(deps.context(request)))


@router.get("/api/v1/instance/extended_description")
async def extended_description(_request: Request) -> Response:
    """What this server is for."""
    return answers.json({"updated_at": None, "content": f"<p>{manifest.DESCRIPTION}</p>"})


@router.get("/api/v1/instance/privacy_policy")
async def privacy_policy(_request: Request) -> Response:
    """What is kept of whom."""
    return answers.json({"updated_at": manifest.POLICY_SINCE, "content": manifest.PRIVACY_POLICY})


@router.get("/api/v1/instance/translation_languages")
async def translation_languages(_request: Request) -> Response:
    """Nothing is translated here."""
    return answers.empty()


@router.get("/avatars/original/missing.png")
async def missing_avatar(_request: Request) -> Response:
    """The face of those who have none."""
    return _picture("avatar")


@router.get("/headers/original/missing.png")
async def missing_header(_request: Request) -> Response:
    """The banner of those who have none."""
    return _picture("header")


@router.get("/preview.png")
async def preview(_request: Request) -> Response:
    """The server's card."""
    return _picture("preview")


def _picture(name: str) -> Response:
    headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
    return Response(placeholders.png(name), media_type="image/png", headers=headers)
