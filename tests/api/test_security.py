"""Headers that browsers need, for apps and against attackers; and tokens that never stay in an address."""

import logging

import httpx
import pytest
from structlog.testing import capture_logs

from api.app import create_app
from api.security import SecurityHeaders
from tests.api.world import World


async def test_apps_in_browsers_may_call_the_api(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for path in (
        "/api/v1/instance",
        "/.well-known/oauth-authorization-server",
        "/api/v1/markers",
        "/api/v1/nowhere",
    ):
        answer = await client.get(path, headers={**alice.headers, "Origin": "https://elk.example"})
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = answer.headers["access-control-expose-headers"]
        for name in (
            "Link",
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset",
            "X-Request-Id",
        ):
            assert name in exposed
    refused = await client.post("/oauth/token")
    assert refused.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/api/v1/statuses", "/oauth/token", "/oauth/revoke", "/api/v1/statuses/1"])
async def test_preflights_are_answered(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.options(
        path,
        headers={
            "Origin": "https://elk.example",
            "Access-Control-Request-Method": "DELETE",
            "Access-Control-Request-Headers": "authorization,idempotency-key",
        },
    )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization,idempotency-key"


async def test_sign_in_pages_are_for_no_other_site(client: httpx.AsyncClient) -> None:
    answer = await client.get("/auth/sign_in", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert "access-control-allow-credentials" not in answer.headers


async def test_answers_are_inert(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/instance")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "strict-transport-security" not in answer.headers


async def test_over_tls_browsers_are_told_to_stay_there(world: World) -> None:
    transport = httpx.ASGITransport(app=create_app(world.context))
    async with httpx.AsyncClient(transport=transport, base_url="https://social.example") as client:
        answer = await client.get("/api/v1/instance")
    assert answer.headers["strict-transport-security"].startswith("max-age=")


async def test_a_token_in_the_query_works_and_is_in_no_log_line(
    client: httpx.AsyncClient, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    alice = await world.person("alice")
    params = {"access_token": alice.token}
    with caplog.at_level(logging.DEBUG), capture_logs() as lines:
        assert (await client.get("/api/v1/markers", params=params)).status_code == 200
        assert (await client.get("/api/v1/statuses/1", params=params)).status_code == 404
        assert (await client.get("/api/v1/nowhere", params=params)).status_code == 404
    ours = [record.getMessage() for record in caplog.records if record.name != "httpx"]
    assert next(line["route"] for line in lines if line["event"] == "request") == "/api/v1/markers"
    assert alice.token not in str(lines) + str(ours)


async def test_the_rest_of_a_query_stays_as_it_was() -> None:
    seen = {}

    async def app(scope, receive, send) -> None:
        seen.update(scope)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/x",
        "scheme": "http",
        "query_string": b"types[]=a&access_token=t%2Bt&q=gr%C3%BC%C3%9Fe+x&types[]=b",
        "headers": [],
    }
    await SecurityHeaders(app, context=None)(scope, None, None)  # type: ignore[arg-type]
    assert seen["query_string"] == b"types%5B%5D=a&q=gr%C3%BC%C3%9Fe+x&types%5B%5D=b"
    assert seen["headers"] == [(b"authorization", b"Bearer t+t")]


async def test_a_nul_in_a_path_is_the_clients_fault(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/timelines/tag/a%00b")).status_code == 400
