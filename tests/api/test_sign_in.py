"""Pages on which people sign in and consent: forged forms, wrong passwords, bad requests, where they lead."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.actions import oauth
from api.app import create_app
from tests.api import oauth_flow as flow
from tests.api.oauth_flow import OUT_OF_BAND, hidden, register, request_of
from tests.api.world import PASSWORD, World, client_for

WRONG = "Invalid e-mail address or password."


@pytest.fixture
async def stranger(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Another browser."""
    async with client_for(create_app(world.context), world.context.settings) as client:
        yield client


async def test_signing_in_leads_to_consent_and_consent_to_the_app(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.person("alice")
    app = await register(client, redirect_uri="https://app.example/cb")
    asked = await client.get("/oauth/authorize/", params=request_of(app, state="s"))
    assert asked.status_code == 303
    assert asked.headers["location"].startswith("/auth/sign_in?")
    signed_in = await flow.sign_in(client, "Alice", PASSWORD, at=asked.headers["location"])
    assert signed_in.headers["location"].startswith("/oauth/authorize?")
    page = await client.get(signed_in.headers["location"])
    assert "Tester" in page.text
    assert "@alice" in page.text
    assert "read everything in your account" in page.text
    fields = hidden(page.text, action="/oauth/authorize")
    done = await client.post("/oauth/authorize", data={**fields, "decision": "allow"})
    assert flow.query_of(done).keys() == {"code", "state"}


async def test_pages_cannot_be_framed_stored_or_scripted(client: httpx.AsyncClient, world: World) -> None:
    app = await register(client, redirect_uri="https://app.example:8443/cb")
    await flow.sign_in(client, (await world.person("alice")).username, PASSWORD)
    consent = await client.get("/oauth/authorize", params=request_of(app))
    for page in (consent, await client.get("/auth/sign_in?again=1")):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["x-frame-options"] == "DENY"
    assert "form-action 'self' https://app.example:8443;" in consent.headers["content-security-policy"]


async def test_cookies_are_for_this_site_and_no_script(client: httpx.AsyncClient, world: World) -> None:
    await world.person("alice")
    page = await client.get("/auth/sign_in")
    answer = await flow.sign_in(client, "alice", PASSWORD)
    for cookie in (page.headers["set-cookie"], answer.headers["set-cookie"]):
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
    assert client.cookies.get("session")


async def test_a_browsers_session_is_good_for_no_api(client: httpx.AsyncClient, world: World) -> None:
    await world.person("alice")
    await flow.sign_in(client, "alice", PASSWORD)
    token = client.cookies.get("session")
    assert (await client.get("/api/v1/accounts/verify_credentials")).status_code == 401
    answer = await client.get(
        "/api/v1/accounts/verify_credentials", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 403
    app = await register(client)
    assert (await client.post("/api/v1/apps", json={**request_of(app), "client_name": "x",
        "redirect_uris": OUT_OF_BAND, "scopes": "web"})).status_code == 422  # fmt: skip


async def test_an_api_token_is_no_browser_session(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    app = await register(client)
    client.cookies.set("session", alice.token)
    assert (await client.get("/oauth/authorize", params=request_of(app))).status_code == 303


@pytest.mark.parametrize(("username", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("", "")])
async def test_a_wrong_password_and_nobody_are_answered_alike(
    client: httpx.AsyncClient, world: World, username: str, password: str
) -> None:
    await world.person("alice")
    answer = await flow.sign_in(client, username, password)
    assert answer.status_code == 422
    assert WRONG in answer.text
    assert client.cookies.get("session") is None


async def test_forged_forms_are_refused(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, world: World
) -> None:
    await world.person("alice")
    await world.person("mallory")
    app = await register(client)
    login = {"username": "alice", "password": PASSWORD}
    # Without the form; with somebody else's form; without the cookie that belongs to it.
    assert (await client.post("/auth/sign_in", data=login)).status_code == 403
    theirs = hidden((await stranger.get("/auth/sign_in")).text, action="/auth/sign_in")
    assert (await client.post("/auth/sign_in", data={**theirs, **login})).status_code == 403
    await client.get("/auth/sign_in")
    assert (await client.post("/auth/sign_in", data={**theirs, **login})).status_code == 403

    await flow.sign_in(client, "alice", PASSWORD)
    await flow.sign_in(stranger, "mallory", PASSWORD)
    page = await client.get("/oauth/authorize", params=request_of(app))
    good = hidden(page.text, action="/oauth/authorize")
    other = hidden(
        (await stranger.get("/oauth/authorize", params=request_of(app))).text, action="/oauth/authorize"
    )
    forged: list[dict[str, Any]] = [
        {**good, "form_token": ""},
        {**good, "form_token": "ü"},
        {**good, "form_token": other["form_token"]},
        {**good, "form_token": good["form_token"][:-1]},
        {**good, "scope": "read write follow"},  # more than what the person was shown
    ]
    for fields in forged:
        answer = await client.post("/oauth/authorize", data={**fields, "decision": "allow"})
        assert answer.status_code == 403, fields
    cross = await client.post(
        "/oauth/authorize", data={**good, "decision": "allow"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert cross.status_code == 403
    out = await client.post("/auth/sign_out", data={"form_token": "x"})
    assert out.status_code == 403
    async with world.context.pool.connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM oauth_codes") == 0
    assert (await client.post("/oauth/authorize", data={**good, "decision": "allow"})).status_code == 200


async def test_an_unknown_app_or_address_leads_nowhere(client: httpx.AsyncClient, world: World) -> None:
    await world.person("alice")
    app = await register(client, redirect_uri="https://app.example/cb")
    await flow.sign_in(client, "alice", PASSWORD)
    for change in (
        {"client_id": "unknown"},
        {"client_id": ""},
        {"redirect_uri": ""},
        {"redirect_uri": "https://app.example/cb/"},
        {"redirect_uri": "https://app.example/cb?x=1"},
        {"redirect_uri": "https://evil.example/cb"},
        {"redirect_uri": OUT_OF_BAND},
        {"redirect_uri": "//evil.example"},
    ):
        for call in (client.get("/oauth/authorize", params=request_of(app, **change)),
                     client.post("/oauth/authorize", data=request_of(app, **change))):  # fmt: skip
            answer = await call
            assert answer.status_code == 422
            assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"scope": "nonsense"}, "invalid_scope"),
        ({"scope": "admin:write"}, "invalid_scope"),
        ({"code_challenge": "x" * 43}, "invalid_request"),
        ({"code_challenge": "x" * 43, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
        ({"code_challenge_method": "S256"}, "invalid_request"),
    ],
)
async def test_a_bad_request_is_told_to_the_app(
    client: httpx.AsyncClient, change: dict[str, str], error: str
) -> None:
    app = await register(client, redirect_uri="myapp://done")
    answer = await client.get("/oauth/authorize", params=request_of(app, state="s", **change))
    assert answer.headers["location"].startswith("myapp://done?")
    assert flow.query_of(answer)["error"] == error
    assert flow.query_of(answer)["state"] == "s"
    shown = await register(client)
    page = await client.get("/oauth/authorize", params=request_of(shown, **change))
    assert page.status_code == 400


async def test_saying_no_is_told_to_the_app(client: httpx.AsyncClient, world: World) -> None:
    await world.person("alice")
    app = await register(client, redirect_uri="https://app.example/cb")
    await flow.sign_in(client, "alice", PASSWORD)
    for decision in ("deny", ""):
        answer = await flow.consent(client, request_of(app, state="s"), decision=decision)
        assert flow.query_of(answer)["error"] == "access_denied"
        assert flow.query_of(answer)["state"] == "s"


async def test_force_login_asks_for_the_password_again(client: httpx.AsyncClient, world: World) -> None:
    await world.person("alice")
    await world.person("bob")
    app = await register(client)
    await flow.sign_in(client, "alice", PASSWORD)
    before = client.cookies.get("session")
    asked = await client.get("/oauth/authorize", params=request_of(app, force_login="true"))
    assert asked.status_code == 303
    signed_in = await flow.sign_in(client, "bob", PASSWORD, at=asked.headers["location"])
    page = await client.get(signed_in.headers["location"])
    assert "@bob" in page.text
    # The session that was there before has ended.
    client.cookies.set("session", before or "")
    assert (await client.get("/oauth/authorize", params=request_of(app))).status_code == 303


@pytest.mark.parametrize(
    "return_to",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/api/v1/apps", ""],
)
async def test_signing_in_leads_to_no_other_site(
    client: httpx.AsyncClient, world: World, return_to: str
) -> None:
    await world.person("alice")
    page = await client.get("/auth/sign_in", params={"return_to": return_to})
    fields = hidden(page.text, action="/auth/sign_in")
    login = {**fields, "username": "alice", "password": PASSWORD, "return_to": return_to}
    answer = await client.post("/auth/sign_in", data=login)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_signing_out_ends_the_session(client: httpx.AsyncClient, world: World) -> None:
    await world.person("alice")
    app = await register(client)
    await flow.sign_in(client, "alice", PASSWORD)
    before = client.cookies.get("session")
    page = await client.get("/oauth/authorize", params=request_of(app))
    answer = await client.post("/auth/sign_out", data=hidden(page.text, action="/auth/sign_out"))
    assert answer.headers["location"].startswith("/oauth/authorize?")
    assert client.cookies.get("session") is None
    client.cookies.set("session", before or "")
    assert (await client.get("/oauth/authorize", params=request_of(app))).status_code == 303


async def test_what_an_app_calls_itself_is_no_markup(client: httpx.AsyncClient, world: World) -> None:
    await world.person("alice")
    body = {
        "client_name": "<script>alert(1)</script>",
        "redirect_uris": 'x://"><img src=x>',
        "website": 'https://a.example/"><script>',
    }
    app = (await client.post("/api/v1/apps", json={**body, "redirect_uris": OUT_OF_BAND})).json()
    await flow.sign_in(client, "alice", PASSWORD)
    params = {"response_type": "code", "client_id": app["client_id"], "redirect_uri": OUT_OF_BAND}
    page = await client.get("/oauth/authorize", params={**params, "state": '"><script>'})
    assert page.status_code == 200
    assert "<script" not in page.text


async def test_a_suspended_person_is_out_at_once_and_cannot_come_back(
    client: httpx.AsyncClient, world: World
) -> None:
    alice = await world.person("alice")
    await flow.sign_in(client, "alice", PASSWORD)
    await oauth.suspend(world.context, account_id=alice.account_id)
    deadline = time.monotonic() + 1
    while (await client.get("/api/v1/markers", headers=alice.headers)).status_code != 403:
        assert time.monotonic() < deadline
    body = (await client.get("/api/v1/markers", headers=alice.headers)).json()
    assert body["error"] == "Your login is currently disabled"
    app = await register(client)
    assert (await client.get("/oauth/authorize", params=request_of(app))).status_code == 303
    answer = await flow.sign_in(client, "alice", PASSWORD)
    assert answer.status_code == 403
    assert "Your login is currently disabled" in answer.text


async def test_demo_logins_are_for_this_machine_only(client: httpx.AsyncClient, world: World) -> None:
    await world.person("alice")
    async with world.context.pool.transaction() as conn:
        await conn.execute("UPDATE users SET demo = true")
    assert (await flow.sign_in(client, "alice", PASSWORD)).status_code == 303
    settings = world.context.settings
    far = httpx.ASGITransport(app=create_app(world.context), client=("203.0.113.5", 1))
    async with httpx.AsyncClient(transport=far, base_url=settings.public_url) as outside:
        answer = await flow.sign_in(outside, "alice", PASSWORD)
        assert answer.status_code == 422
        assert WRONG in answer.text


async def test_an_old_hash_is_made_anew_when_somebody_signs_in(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.person("alice")
    strong = "$argon2id$v=19$m=16,t=2,p=1$c29tZXNhbHQ$"
    from argon2 import PasswordHasher

    old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    assert old.startswith(strong[:25])
    async with world.context.pool.transaction() as conn:
        await conn.execute("UPDATE users SET password_hash = $1", old)
    assert (await flow.sign_in(client, "alice", PASSWORD)).status_code == 303
    async with world.context.pool.connection() as conn:
        assert await conn.fetchval("SELECT password_hash FROM users") != old
    assert (await flow.sign_in(client, "alice", PASSWORD)).status_code == 303
