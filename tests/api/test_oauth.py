"""Applications get tokens by every grant, and by nothing else."""

import asyncio
import base64
import hashlib
from typing import Any

import httpx
import pytest

from api.context import Context
from tests.api import oauth_flow as flow
from tests.api.oauth_flow import OUT_OF_BAND, exchange, register, request_of
from tests.api.world import PASSWORD, World

VERIFIER = "a-verifier-that-is-long-enough-to-be-one-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def who(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get("/api/v1/accounts/verify_credentials", headers=bearer(token))


async def test_an_app_registers_in_json_and_form_and_its_secret_is_shown_once(
    client: httpx.AsyncClient,
) -> None:
    as_json = await client.post(
        "/api/v1/apps",
        json={
            "client_name": "Elk",
            "redirect_uris": ["https://elk.example/cb", "elk://cb"],
            "scopes": "read write:media",
            "website": "https://elk.example",
        },
    )
    body = as_json.json()
    assert body["name"] == "Elk"
    assert body["scopes"] == ["read", "write:media"]
    assert body["redirect_uris"] == ["https://elk.example/cb", "elk://cb"]
    assert body["redirect_uri"] == "https://elk.example/cb\nelk://cb"
    assert body["client_secret_expires_at"] == 0
    as_form = await client.post(
        "/api/v1/apps/", data={"client_name": "toot", "redirect_uris": f"{OUT_OF_BAND}\nx://y"}
    )
    assert as_form.json()["redirect_uris"] == [OUT_OF_BAND, "x://y"]
    assert as_form.json()["scopes"] == ["read"]
    assert as_form.json()["client_secret"] != body["client_secret"]
    app = flow.App(body["id"], body["client_id"], body["client_secret"], "elk://cb")
    token = (await exchange(client, app, grant_type="client_credentials")).json()["access_token"]
    again = await client.get("/api/v1/apps/verify_credentials", headers=bearer(token))
    assert again.json()["name"] == "Elk"
    assert "client_secret" not in again.json()


@pytest.mark.parametrize(
    "change",
    [
        {"client_name": ""},
        {"client_name": "x" * 61},
        {"redirect_uris": ""},
        {"redirect_uris": "no-uri"},
        {"redirect_uris": "javascript:alert(1)"},
        {"redirect_uris": "https://a.example/ data:text/html,x"},
        {"redirect_uris": "https://a.example/#part"},
        {"redirect_uris": "https:///path"},
        {"redirect_uris": "http://[broken"},
        {"redirect_uris": [{"a": 1}]},
        {"scopes": "read everything"},
        {"website": "javascript:alert(1)"},
    ],
)
async def test_a_bad_registration_is_refused_with_its_reason(
    client: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    good = {"client_name": "x", "redirect_uris": OUT_OF_BAND, "scopes": "read"}
    answer = await client.post("/api/v1/apps", json={**good, **change})
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("Validation failed: ")
    assert answer.json()["details"]


async def test_the_code_flow_out_of_band(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    app = await register(client)
    token = await flow.token_for(client, app, alice)
    assert token["token_type"] == "Bearer"
    assert token["scope"] == "read write"
    assert "expires_in" not in token
    assert "refresh_token" not in token
    assert (await who(client, token["access_token"])).json()["username"] == "alice"


async def test_the_code_flow_with_redirect_state_and_pkce(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    app = await register(client, redirect_uri="https://app.example/cb?kept=1")
    await flow.sign_in(client, "alice@example.org", PASSWORD)
    answer = await flow.consent(
        client,
        request_of(app, state="a b&c", code_challenge=CHALLENGE, code_challenge_method="S256"),
    )
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("https://app.example/cb?kept=1&")
    assert flow.query_of(answer)["state"] == "a b&c"
    code = flow.query_of(answer)["code"]
    grant = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": app.redirect_uri,
    }
    for verifier in ({}, {"code_verifier": "wrong"}, {"code_verifier": CHALLENGE}):
        refused = await exchange(client, app, **grant, **verifier)
        assert refused.json()["error"] == "invalid_grant"
    good = await exchange(client, app, **grant, code_verifier=VERIFIER)
    assert (await who(client, good.json()["access_token"])).json()["id"] == alice.id


async def test_a_verifier_without_a_challenge_is_refused(client: httpx.AsyncClient, world: World) -> None:
    app = await register(client)
    code = await flow.code_for(client, app, await world.person("alice"))
    answer = await exchange(
        client,
        app,
        grant_type="authorization_code",
        code=code,
        redirect_uri=OUT_OF_BAND,
        code_verifier=VERIFIER,
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_a_code_works_once_and_its_reuse_ends_what_it_gave(
    client: httpx.AsyncClient, world: World
) -> None:
    app = await register(client)
    code = await flow.code_for(client, app, await world.person("alice"))
    grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": OUT_OF_BAND}
    answers = await asyncio.gather(*(exchange(client, app, **grant) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    good = next(answer for answer in answers if answer.status_code == 200)
    assert (await _until(client, good.json()["access_token"], 401)).status_code == 401


async def test_a_code_is_bound_to_its_app_its_address_and_its_time(
    client: httpx.AsyncClient, world: World
) -> None:
    app, other = await register(client), await register(client)
    code = await flow.code_for(client, app, await world.person("alice"))
    grant = {"grant_type": "authorization_code", "code": code}
    assert (await exchange(client, other, **grant, redirect_uri=OUT_OF_BAND)).status_code == 400
    assert (await exchange(client, app, **grant, redirect_uri="https://evil.example")).status_code == 400
    assert (await exchange(client, app, **grant)).status_code == 400
    async with world.context.pool.transaction() as conn:
        await conn.execute("UPDATE oauth_codes SET expires_at = now() - interval '1 second'")
    late = await exchange(client, app, **grant, redirect_uri=OUT_OF_BAND)
    assert late.json()["error"] == "invalid_grant"


async def test_an_app_on_its_own_behalf(client: httpx.AsyncClient) -> None:
    app = await register(client, scopes="read write")
    answer = await exchange(client, app, grant_type="client_credentials", scope="read")
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json()["access_token"]
    refused = await who(client, token)
    assert (refused.status_code, refused.json()["error"]) == (
        422,
        "This method requires an authenticated user",
    )
    wide = await exchange(client, app, grant_type="client_credentials", scope="read push")
    assert (wide.status_code, wide.json()["error"]) == (400, "invalid_scope")
    assert (await exchange(client, app, grant_type="client_credentials")).json()["scope"] == "read"


async def test_a_client_proves_itself_by_body_or_by_header(client: httpx.AsyncClient) -> None:
    app = await register(client)
    grant = {"grant_type": "client_credentials"}
    basic = await client.post("/oauth/token", data=grant, auth=(app.client_id, app.client_secret))
    assert basic.status_code == 200
    as_json = await client.post("/oauth/token", json={**grant, **app.credentials})
    assert as_json.status_code == 200
    wrong = (
        await client.post("/oauth/token", data=grant, auth=(app.client_id, "x")),
        await client.post("/oauth/token", data=grant, headers={"Authorization": "Basic ???"}),
        await client.post("/oauth/token", data={**grant, "client_id": app.client_id}),
        await client.post("/oauth/token", data={**grant, "client_id": "x", "client_secret": "y"}),
        await client.post("/oauth/token", data={**grant, "client_id": "socialflow-web"}),
        await client.post("/oauth/token", data=grant),
    )
    for answer in wrong:
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "password", "username": "alice", "password": PASSWORD}, "unsupported_grant_type"),
        ({"grant_type": ["a", {"b": 1}]}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "1.x"}, "invalid_grant"),
        ({"grant_type": "client_credentials", "scope": "nonsense"}, "invalid_scope"),
    ],
)
async def test_a_bad_token_request_names_its_error(
    client: httpx.AsyncClient, body: dict[str, Any], error: str
) -> None:
    app = await register(client)
    answer = await client.post("/oauth/token", json={**app.credentials, **body})
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_broken_json_at_the_token_endpoint_is_an_oauth_error(client: httpx.AsyncClient) -> None:
    answer = await client.post("/oauth/token", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_offline_access_gives_a_short_token_and_a_rotating_refresh_token(
    client: httpx.AsyncClient, world: World
) -> None:
    alice = await world.person("alice")
    app = await register(client)
    first = await flow.token_for(client, app, alice, scope="read offline_access")
    assert first["expires_in"] == 3600
    answers = await asyncio.gather(
        *(
            exchange(client, app, grant_type="refresh_token", refresh_token=first["refresh_token"])
            for _ in range(5)
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    second = answers[0].json()
    assert second["refresh_token"] != first["refresh_token"]
    assert (await who(client, second["access_token"])).status_code == 200
    async with world.context.pool.transaction() as conn:
        await conn.execute("UPDATE oauth_refresh_tokens SET used_at = used_at - interval '31 seconds'")
    stolen = await exchange(client, app, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert stolen.json()["error"] == "invalid_grant"
    assert (await _until(client, second["access_token"], 401)).status_code == 401


async def test_revoking_works_at_once_for_access_and_refresh_tokens_and_only_for_the_owner(
    client: httpx.AsyncClient, world: World
) -> None:
    alice = await world.person("alice")
    app, other = await register(client), await register(client)
    token = await flow.token_for(client, app, alice)
    theirs = await client.post("/oauth/revoke", data={**other.credentials, "token": token["access_token"]})
    assert (theirs.status_code, theirs.json()["error"]) == (403, "unauthorized_client")
    assert (await who(client, token["access_token"])).status_code == 200
    for _ in range(2):
        ours = await client.post("/oauth/revoke", data={**app.credentials, "token": token["access_token"]})
        assert (ours.status_code, ours.json()) == (200, {})
    refused = await _until(client, token["access_token"], 401)
    assert refused.json()["error"] == "The access token was revoked"
    unknown = await client.post("/oauth/revoke", data={**app.credentials, "token": "unknown"})
    assert unknown.status_code == 200
    assert (await client.post("/oauth/revoke", data=app.credentials)).status_code == 403
    assert (await client.post("/oauth/revoke", data={"token": "x"})).status_code == 401

    offline = await flow.token_for(client, app, alice, scope="read offline_access")
    theirs = await client.post("/oauth/revoke", data={**other.credentials, "token": offline["refresh_token"]})
    assert theirs.status_code == 403
    ours = await client.post("/oauth/revoke", data={**app.credentials, "token": offline["refresh_token"]})
    assert ours.status_code == 200
    assert (await _until(client, offline["access_token"], 401)).status_code == 401


async def test_scopes_are_checked(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice", scopes=("read:statuses",))
    refused = await who(client, alice.token)
    assert refused.status_code == 403
    assert refused.json()["error"] == "This action is outside the authorized scopes"
    profile = await world.sign_in(account_id=alice.account_id, username="alice", scopes=("profile",))
    info = (await client.get("/oauth/userinfo", headers=profile.headers)).json()
    assert info["preferred_username"] == "alice"
    assert info["sub"].endswith("/users/alice")
    assert (await client.get("/oauth/userinfo", headers=alice.headers)).status_code == 403
    assert (await client.get("/oauth/userinfo")).status_code == 401


async def test_metadata_names_what_there_is(client: httpx.AsyncClient, context: Context) -> None:
    body = (await client.get("/.well-known/oauth-authorization-server")).json()
    url = context.settings.public_url
    assert body["issuer"] == url
    assert body["authorization_endpoint"] == f"{url}/oauth/authorize"
    assert body["code_challenge_methods_supported"] == ["S256"]
    assert "password" not in body["grant_types_supported"]
    for endpoint in ("token_endpoint", "revocation_endpoint", "app_registration_endpoint"):
        answer = await client.post(body[endpoint].removeprefix(url))
        assert answer.status_code in (400, 401, 403, 422)


async def test_the_password_grant_only_where_it_is_allowed(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.person("alice")
    app = await register(client)
    settings = world.context.settings
    allowed = settings.model_copy(update={"auth": settings.auth.model_copy(update={"password_grant": True})})
    monkeypatch.setattr(world.context, "settings", allowed)
    grant = {"grant_type": "password", "scope": "read write"}
    good = await exchange(client, app, **grant, username="alice@example.org", password=PASSWORD)
    assert (await who(client, good.json()["access_token"])).json()["username"] == "alice"
    for login, password in (("alice", "wrong"), ("nobody", PASSWORD)):
        bad = await exchange(client, app, **grant, username=login, password=password)
        assert bad.json()["error"] == "invalid_grant"


async def _until(client: httpx.AsyncClient, token: str, status: int) -> httpx.Response:
    """The answer once it has `status`; news of an ended session take a moment, and at most a second."""
    answer = await who(client, token)
    deadline = asyncio.get_running_loop().time() + 1
    while answer.status_code != status and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
        answer = await who(client, token)
    return answer
