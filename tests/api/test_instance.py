"""What the server says of itself: instance documents, nodeinfo, webfinger, health, metrics, empty lists."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx

from api.app import create_app
from api.context import Context
from api.routes import quiet
from cluster.errors import Unavailable
from tests.api.world import World, client_for


async def test_both_instance_documents_have_what_clients_read(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.people("alice", "bob")
    settings = world.context.settings
    new = (await client.get("/api/v2/instance/")).json()
    old = (await client.get("/api/v1/instance/")).json()
    assert new["version"].startswith("4.5.0 (compatible; Social Flow ") and old["version"] == new["version"]
    assert new["domain"] == old["uri"] == settings.domain
    assert new["configuration"]["urls"]["streaming"] == old["urls"]["streaming_api"] == settings.streaming_url
    assert new["configuration"]["statuses"] == old["configuration"]["statuses"]
    assert new["configuration"]["statuses"]["max_characters"] == settings.statuses.characters_max
    assert new["configuration"]["media_attachments"]["supported_mime_types"]
    assert new["api_versions"] == {"mastodon": 1}, "2 promises grouped notifications"
    assert new["registrations"]["enabled"] is old["registrations"] is True
    assert old["stats"]["user_count"] == 2
    assert new["contact"] == {"email": settings.contact_email, "account": None}


async def test_the_contact_is_whoever_owns_the_server(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    async with world.context.pool.transaction() as conn:
        await conn.execute("UPDATE users SET role = 'admin' WHERE account_id = $1", alice.account_id)
        await conn.execute("UPDATE users SET role = 'owner' WHERE account_id = $1", bob.account_id)
    assert (await client.get("/api/v2/instance")).json()["contact"]["account"]["username"] == "bob"
    assert (await client.get("/api/v1/instance")).json()["contact_account"]["username"] == "bob"


async def test_nodeinfo_leads_to_its_documents(client: httpx.AsyncClient, world: World) -> None:
    links = (await client.get("/.well-known/nodeinfo")).json()["links"]
    assert len(links) == 2
    for link in links:
        document = (await client.get(link["href"])).json()
        assert link["rel"].endswith(document["version"])
        assert document["software"]["name"] == "socialflow"
        assert document["openRegistrations"] is True
    assert (await client.get("/nodeinfo/9.9")).status_code == 404


async def test_webfinger_knows_who_lives_here(client: httpx.AsyncClient, world: World) -> None:
    await world.person("Alice")
    settings = world.context.settings
    meta = await client.get("/.well-known/host-meta")
    assert meta.headers["content-type"].startswith("application/xrd+xml")
    assert f"{settings.public_url}/.well-known/webfinger?resource={{uri}}" in meta.text
    for resource in (
        f"acct:alice@{settings.domain}",
        f"acct:@ALICE@{settings.domain}",
        f"{settings.public_url}/@alice",
        f"{settings.public_url}/users/alice",
    ):
        response = await client.get("/.well-known/webfinger", params={"resource": resource})
        assert response.headers["content-type"].startswith("application/jrd+json")
        assert response.json()["subject"] == f"acct:Alice@{settings.domain}"


STRANGERS = [
    ("", 400),
    ("acct:alice", 404),
    ("acct:nobody@{domain}", 404),
    ("acct:alice@elsewhere.example", 404),
    ("https://elsewhere.example/@alice", 404),
    ("{url}/@alice/1", 404),
    ("{url}", 404),
    ("mailto:alice@{domain}", 404),
]


async def test_webfinger_refuses_what_is_not_here(client: httpx.AsyncClient, world: World) -> None:
    await world.person("alice")
    settings = world.context.settings
    for template, status in STRANGERS:
        resource = template.format(domain=settings.domain, url=settings.public_url)
        response = await client.get("/.well-known/webfinger", params={"resource": resource})
        assert response.status_code == status, resource


async def test_lists_that_are_empty_here_are_lists(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for path in (*quiet.OPEN, *quiet.OWN):
        path = path.format(account_id=alice.id)
        assert (await client.get(path, headers=alice.headers)).json() == [], path
    for path in quiet.OWN:
        assert (await client.get(path)).status_code == 401, path


async def test_activity_tells_twelve_weeks(client: httpx.AsyncClient, world: World) -> None:
    await world.people("alice", "bob")
    weeks = (await client.get("/api/v1/instance/activity")).json()
    assert len(weeks) == 12
    assert weeks[0]["registrations"] == "2"
    starts = [int(week["week"]) for week in weeks]
    assert starts == sorted(starts, reverse=True)


async def test_texts_about_the_server_are_there(client: httpx.AsyncClient, world: World) -> None:
    for path in ("extended_description", "privacy_policy"):
        assert "<p>" in (await client.get(f"/api/v1/instance/{path}")).json()["content"]
    assert (await client.get("/api/v1/instance/translation_languages")).json() == {}


async def test_a_whole_server_is_alive_and_ready(client: httpx.AsyncClient, world: World) -> None:
    assert (await client.get("/healthz")).json() == {"status": "alive"}
    response = await _eventually(lambda: client.get("/readyz"))
    parts = response.json()["parts"]
    assert parts == dict.fromkeys(("postgres", "valkey", "feeds", "sessions", "revocations"), "ok")


async def _eventually(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """The first heartbeats of the shards take a moment."""
    for _ in range(40):
        response = await ask()
        if response.status_code == 200:
            break
        await asyncio.sleep(0.05)
    return response


async def test_readiness_names_the_part_that_is_missing(context: Context) -> None:
    class Silent:
        async def live(self, **_: Any) -> list[bool]:
            raise Unavailable("no session shard answers")

    broken = replace(context, sessions=Silent())  # type: ignore[arg-type]
    async with client_for(create_app(broken), context.settings) as client:
        response = await client.get("/readyz")
    assert response.status_code == 503
    body = response.json()
    assert body["status"] == "not ready"
    assert body["parts"]["sessions"] == "no session shard answers"
    assert body["parts"]["postgres"] == "ok"


async def test_metrics_are_for_this_machine_and_for_staff(context: Context, world: World) -> None:
    admin = await world.person("admin", scopes=("admin:read",))
    user = await world.person("user", scopes=("admin:read",))
    async with context.pool.transaction() as conn:
        await conn.execute("UPDATE users SET role = 'admin' WHERE account_id = $1", admin.account_id)
    app = create_app(context)

    def from_address(address: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=app, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url=context.settings.public_url)

    async with from_address("127.0.0.1") as near, from_address("192.0.2.1") as far:
        await near.get("/api/v1/instance")
        answer = await near.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        assert (
            'socialflow_http_requests_total{method="GET",route="/api/v1/instance",status="200"}'
            in answer.text
        )
        assert "socialflow_http_request_seconds_bucket" in answer.text
        assert (await far.get("/metrics")).status_code == 401
        assert (await far.get("/metrics", headers=user.headers)).status_code == 403
        assert (await far.get("/metrics", headers=admin.headers)).status_code == 200


async def test_placeholder_pictures_exist(client: httpx.AsyncClient, world: World) -> None:
    for path in ("/avatars/original/missing.png", "/headers/original/missing.png", "/preview.png"):
        response = await client.get(path)
        assert response.headers["content-type"] == "image/png"
        assert response.content.startswith(b"\x89PNG")
        assert len(response.content) < 40_000
