"""Rate limits over HTTP: Mastodon's headers and numbers, by account and by address, and the right refusal."""

import datetime as dt
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from cluster.settings import Limits, Settings
from tests.api import oauth_flow as flow
from tests.api.oauth_flow import exchange, register
from tests.api.world import PASSWORD, World, settings_for

_addresses = iter(range(1, 250))


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    settings = settings_for(database_url=database_url, redis_url=redis_url, home=tmp_path)
    return settings.model_copy(update={"limits": Limits(profile="production")})


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an address of its own: buckets outlive a test."""
    async with browser(world, f"198.51.100.{next(_addresses)}") as client:
        yield client


def browser(world: World, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=create_app(world.context), client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url=world.context.settings.public_url)


async def test_every_answer_of_the_api_says_how_one_stands(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for remaining in (299, 298):
        answer = await client.get("/api/v1/markers", headers=alice.headers)
        assert answer.headers["x-ratelimit-limit"] == "300"
        assert answer.headers["x-ratelimit-remaining"] == str(remaining)
        reset = answer.headers["x-ratelimit-reset"]
        assert reset.endswith("Z")
        left = dt.datetime.fromisoformat(reset) - dt.datetime.now(dt.UTC)
        assert dt.timedelta(0) < left < dt.timedelta(seconds=10)
    missing = await client.get("/api/v1/statuses/1", headers=alice.headers)
    assert (missing.status_code, missing.headers["x-ratelimit-remaining"]) == (404, "297")


async def test_people_have_buckets_of_their_own_whatever_their_address(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    again = await world.sign_in(account_id=alice.account_id, username="alice")

    async def left(headers: dict[str, str]) -> str:
        answer = await client.get("/api/v1/markers", headers=headers)
        return answer.headers["x-ratelimit-remaining"]

    assert [await left(who) for who in (alice.headers, bob.headers, again.headers)] == ["299", "299", "298"]
    # A forged token does not buy a bucket of its own.
    stranger = [await left({}), await left({"Authorization": "Bearer forged"}), await left({})]
    assert stranger == ["299", "298", "297"]


async def test_after_300_requests_at_once_a_person_is_refused(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    started, passed = time.monotonic(), 0
    while (answer := await client.get("/api/v1/markers", headers=alice.headers)).status_code == 200:
        passed += 1
    refilled = int(time.monotonic() - started) + 1  # one a second
    assert 300 <= passed <= 300 + refilled
    assert answer.status_code == 429
    assert answer.json()["error"] == "Too many requests"
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["access-control-allow-origin"] == "*"
    assert (await client.get("/api/v1/markers", headers=bob.headers)).status_code == 200


async def test_an_address_signs_up_five_people_in_half_an_hour(
    client: httpx.AsyncClient, world: World
) -> None:
    app = await register(client, scopes="read write")
    token = (await exchange(client, app, grant_type="client_credentials", scope="write")).json()[
        "access_token"
    ]
    form = {"password": "a good password", "agreement": "true", "locale": "en"}

    async def sign_up(number: int, via: httpx.AsyncClient) -> int:
        body = {**form, "username": f"new{number}", "email": f"new{number}@example.org"}
        answer = await via.post("/api/v1/accounts", data=body, headers={"Authorization": f"Bearer {token}"})
        return answer.status_code

    assert [await sign_up(number, client) for number in range(6)] == [200] * 5 + [429]
    async with browser(world, f"198.51.100.{next(_addresses)}") as elsewhere:
        assert await sign_up(9, elsewhere) == 200


async def test_an_address_guesses_25_passwords(client: httpx.AsyncClient, world: World) -> None:
    await world.person("alice")
    statuses = [
        (await client.post("/auth/sign_in", data={"username": "x", "password": "y"})).status_code
        for _ in range(26)
    ]
    assert statuses == [403] * 25 + [429]


async def test_passwords_are_guessed_25_times_for_one_name_from_many_addresses(world: World) -> None:
    """Whether anybody has that name or not, so that it cannot be told."""
    await world.person("careful")
    seen = {}
    for name in ("careful", "nobody_has_this"):
        seen[name] = []
        for attempt in range(26):
            async with browser(world, f"2001:db8:{attempt:x}::1") as somewhere:
                answer = await flow.sign_in(somewhere, name, "wrong")
                seen[name].append((answer.status_code, "Slow down" in answer.text))
    assert seen["careful"] == seen["nobody_has_this"] == [(422, False)] * 25 + [(429, True)]
    async with browser(world, f"198.51.100.{next(_addresses)}") as owner:
        assert (await flow.sign_in(owner, "careful", PASSWORD)).status_code == 429


async def test_development_has_the_headers_and_hundredfold_limits(world: World) -> None:
    limits = Limits(profile="development")
    world.context.limiter._settings = limits
    async with browser(world, f"198.51.100.{next(_addresses)}") as client:
        answer = await client.get("/api/v1/instance")
    assert answer.headers["x-ratelimit-limit"] == "30000"


async def test_without_valkey_requests_are_still_answered_and_counted(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cluster.errors import Unavailable

    async def gone(*_: object, **__: object) -> None:
        raise Unavailable

    monkeypatch.setattr(world.context.bus, "run_script", gone)
    answers = [await client.get("/api/v1/instance") for _ in range(2)]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["299", "298"]
