"""Requests find their handlers as they would through the framework's own router, only sooner."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api import problems
from api.dispatch import Dispatch
from cluster.errors import NotFound, SocialFlowError

router = APIRouter()


@router.get("/things/{thing_id}/parts/{part}")
async def part(request: Request, thing_id: str, part: str) -> Response:
    return PlainTextResponse(f"{thing_id} {part} {request.query_params.get('q', '')}")


@router.get("/things/{thing_id}")
async def thing(request: Request, thing_id: str) -> Response:
    return PlainTextResponse(f"thing {thing_id}")


@router.get("/things/special")
async def special(request: Request) -> Response:
    return PlainTextResponse("special")


@router.post("/things/{name}")
async def make(request: Request, name: str) -> Response:
    return PlainTextResponse(f"made {name} {(await request.body()).decode()}")


@router.get("/fails/{how}")
async def fails(request: Request, how: str) -> Response:
    raise NotFound if how == "known" else RuntimeError("secret")


@router.get("/count/{number}")
async def count(number: int) -> dict[str, int]:
    return {"number": number}


@router.get("/files/{key:path}")
async def file(request: Request, key: str) -> Response:
    return PlainTextResponse(f"file {key}")


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI(middleware=[Middleware(Dispatch, routes=router.routes)])
    for kind in (SocialFlowError, Exception):
        app.add_exception_handler(kind, problems.answer_error)
    app.include_router(router)
    return app


@pytest.fixture
def client(app: FastAPI) -> Iterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    yield httpx.AsyncClient(transport=transport, base_url="http://social.test")


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/things/7", "thing 7"),
        ("GET", "/things/special", "special"),
        ("GET", "/things/7/parts/b%20c?q=x", "7 b c x"),
        ("POST", "/things/7", "made 7 body"),
        ("GET", "/files/a/b/c", "file a/b/c"),
        ("GET", "/count/5", '{"number":5}'),
    ],
)
async def test_requests_reach_their_handlers(
    client: httpx.AsyncClient, method: str, path: str, answer: str
) -> None:
    response = await client.request(method, path, content=b"body" if method == "POST" else None)
    assert (response.status_code, response.text) == (200, answer)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/things/", 404),
        ("GET", "/things/7/parts", 404),
        ("GET", "/things/7/parts/8/9", 404),
        ("GET", "//", 404),
        ("DELETE", "/things/7", 405),
        ("GET", "/count/five", 422),
        ("GET", "/fails/known", 404),
        ("GET", "/fails/unknown", 500),
    ],
)
async def test_what_is_not_found_or_fails_is_answered_as_everywhere(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    response = await client.request(method, path)
    assert response.status_code == status
    assert "secret" not in response.text


async def test_known_routes_do_without_the_framework_and_metrics_see_their_template() -> None:
    seen = {}

    async def framework(_scope: object, _receive: object, _send: object) -> None:
        raise AssertionError("the framework was asked")

    async def send(message: dict[str, object]) -> None:
        seen.setdefault(message["type"], message)

    scope = {"type": "http", "method": "GET", "path": "/things/7", "headers": [], "query_string": b""}
    await Dispatch(framework, routes=router.routes)(scope, None, send)  # type: ignore[arg-type]
    assert seen["http.response.start"]["status"] == 200
    assert scope["route"].path == "/things/{thing_id}"  # type: ignore[attr-defined]
