"""Fixed bytes through the whole ingress: what `socialflow bench` compares with. Off unless a setting asks."""

from functools import lru_cache

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answers, forms

router = APIRouter(include_in_schema=False)

BYTES_MAX = 1024 * 1024  # no page of ours is longer


class StaticParams(forms.Params):
    """How many bytes."""

    bytes: int = 40_000


@lru_cache(maxsize=8)
def _body(length: int) -> bytes:
    return b'"' + b"x" * (min(max(length, 2), BYTES_MAX) - 2) + b'"'


@router.get("/api/flow/v1/bench/static")
async def static(request: Request) -> Response:
    """A JSON string of the length asked for."""
    params = await forms.read(request, StaticParams)
    return answers.raw(_body(params.bytes))
