"""Read markers."""

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answers, deps, entities, forms
from api.actions import markers
from api.actions.markers import Marker

router = APIRouter(tags=["markers"])


class ShowParams(forms.Params):
    """Which markers."""

    timeline: list[str] = []


class MarkerParams(forms.Params):
    """The last entry read."""

    last_read_id: forms.Id | None = None


class SaveParams(forms.Params):
    """How far each timeline was read."""

    home: MarkerParams | None = None
    notifications: MarkerParams | None = None


@router.get("/api/v1/markers")
async def show(request: Request) -> Response:
    """How far the caller has read."""
    caller = await deps.user(request, "read:statuses")
    params = await forms.read(request, ShowParams)
    found = await markers.read(deps.context(request), account_id=caller.account_id, timelines=params.timeline)
    return _answer(found)


@router.post("/api/v1/markers")
async def save(request: Request) -> Response:
    """The caller has read so far."""
    caller = await deps.user(request, "write:statuses")
    params = await forms.read(request, SaveParams)
    given = {"home": params.home, "notifications": params.notifications}
    last_read = {name: one.last_read_id for name, one in given.items() if one and one.last_read_id}
    return _answer(
        await markers.save(deps.context(request), account_id=caller.account_id, last_read=last_read)
    )


def _answer(found: Sequence[Marker]) -> Response:
    return answers.json(
        {
            marker.timeline: {
                "last_read_id": str(marker.last_read_id),
                "version": marker.version,
                "updated_at": entities.moment(marker.updated_at),
            }
            for marker in found
        }
    )
