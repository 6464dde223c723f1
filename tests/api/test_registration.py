"""Signing up through an application, and what is refused in Mastodon's words."""

import asyncio
from typing import Any

import httpx
import pytest

from actors.ports import Grant
from cluster.errors import Unavailable
from tests.api.oauth_flow import exchange, register
from tests.api.world import World

GOOD = {
    "username": "newcomer",
    "email": "newcomer@example.org",
    "password": "a good password",
    "agreement": True,
    "locale": "en",
}


async def app_headers(client: httpx.AsyncClient, scopes: str = "read write") -> dict[str, str]:
    app = await register(client, scopes=scopes)
    answer = await exchange(client, app, grant_type="client_credentials", scope=scopes)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def sign_up(client: httpx.AsyncClient, headers: dict[str, str], **changes: Any) -> httpx.Response:
    body = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return await client.post("/api/v1/accounts", json=body, headers=headers)


async def test_a_new_accounts_token_works_at_once(client: httpx.AsyncClient) -> None:
    answer = await sign_up(client, await app_headers(client))
    assert answer.status_code == 200, answer.text
    assert answer.json()["scope"] == "read write"
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    me = (await client.get("/api/v1/accounts/verify_credentials", headers=headers)).json()
    assert (me["username"], me["statuses_count"]) == ("newcomer", 0)
    posted = await client.post("/api/v1/statuses", json={"status": "hello"}, headers=headers)
    assert posted.status_code == 200


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"username": None}, "username", "ERR_BLANK"),
        ({"username": "  "}, "username", "ERR_BLANK"),
        ({"username": "two words"}, "username", "ERR_INVALID"),
        ({"username": "ünïcode"}, "username", "ERR_INVALID"),
        ({"username": "a.b"}, "username", "ERR_INVALID"),
        ({"username": "<script>"}, "username", "ERR_INVALID"),
        ({"username": "x" * 31}, "username", "ERR_TOO_LONG"),
        ({"username": "Admin"}, "username", "ERR_RESERVED"),
        ({"username": "TAKEN"}, "username", "ERR_TAKEN"),
        ({"email": None}, "email", "ERR_BLANK"),
        ({"email": "nowhere"}, "email", "ERR_INVALID"),
        ({"email": "a@b@c"}, "email", "ERR_INVALID"),
        ({"email": "a@" + "b" * 300}, "email", "ERR_TOO_LONG"),
        ({"email": "Taken@Example.org"}, "email", "ERR_TAKEN"),
        ({"password": None}, "password", "ERR_BLANK"),
        ({"password": "short"}, "password", "ERR_TOO_SHORT"),
        ({"password": "x" * 257}, "password", "ERR_TOO_LONG"),
        ({"agreement": None}, "agreement", "ERR_ACCEPTED"),
        ({"agreement": "false"}, "agreement", "ERR_ACCEPTED"),
        ({"agreement": "maybe"}, "agreement", "ERR_INVALID"),
        ({"locale": "not a locale"}, "locale", "ERR_INCLUSION"),
        ({"username": {"a": 1}}, "username", "ERR_INVALID"),
    ],
)
async def test_a_bad_field_is_named_with_mastodons_code(
    client: httpx.AsyncClient, world: World, change: dict[str, Any], field: str, code: str
) -> None:
    await world.person("taken")
    answer = await sign_up(client, await app_headers(client), **change)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("Validation failed: ")
    assert [entry["error"] for entry in answer.json()["details"][field]] == [code]
    async with world.context.pool.connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM users") == 1


async def test_all_that_is_wrong_is_named_at_once(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/accounts", json={}, headers=await app_headers(client))
    assert answer.json()["details"].keys() == {"username", "email", "password", "agreement"}
    assert "Username can't be blank" in answer.json()["error"]


async def test_of_two_who_want_one_name_at_once_one_gets_it(client: httpx.AsyncClient) -> None:
    headers = await app_headers(client)
    answers = await asyncio.gather(
        *(sign_up(client, headers, email=f"{number}@example.org") for number in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422]
    refused = next(answer for answer in answers if answer.status_code == 422)
    assert refused.json()["details"]["username"][0]["error"] == "ERR_TAKEN"


async def test_only_apps_with_the_scope_may_sign_people_up(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    assert (await sign_up(client, {})).status_code == 401
    assert (await sign_up(client, await app_headers(client, "read"))).status_code == 403
    assert (await sign_up(client, alice.headers)).status_code == 403
    assert (await sign_up(client, await app_headers(client, "write:accounts"))).status_code == 200


async def test_closed_registrations_are_closed(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = world.context.settings
    closed = settings.auth.model_copy(update={"registrations": "closed"})
    monkeypatch.setattr(world.context, "settings", settings.model_copy(update={"auth": closed}))
    assert (await sign_up(client, await app_headers(client))).status_code == 403


async def test_without_a_session_there_is_no_account_either(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = await app_headers(client)

    async def gone(_grant: Grant) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(world.context.sessions, "create", gone)
        answer = await sign_up(client, headers)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert (await sign_up(client, headers)).status_code == 200
