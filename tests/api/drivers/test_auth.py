"""Mastodon.py registers an app, logs in through the pages that a person sees, signs up, and logs out."""

from pathlib import Path

import httpx
import pytest
from mastodon import (
    Mastodon,
    MastodonAPIError,
    MastodonIllegalArgumentError,
    MastodonUnauthorizedError,
)

from tests.api.conftest import LiveServer
from tests.api.drivers.conftest import Meet
from tests.api.drivers.friends import VERSION, Friend, eventually
from tests.api.drivers.pages import authorize, code_shown

SCOPES = ["read", "write", "follow", "push"]
CALLBACK = "http://127.0.0.1:9/callback"


def new_client(server: LiveServer, **details: object) -> Mastodon:
    client_id, secret = Mastodon.create_app("Driver", api_base_url=server.url, **details)
    return Mastodon(
        client_id=client_id, client_secret=secret, api_base_url=server.url, mastodon_version=VERSION
    )


def log_in(server: LiveServer, friend: Friend, **more: object) -> Mastodon:
    client = new_client(server, scopes=SCOPES)
    url = client.auth_request_url(scopes=SCOPES, allow_http=True)
    code = code_shown(authorize(url, username=friend.name, password=friend.person.password))
    client.log_in(code=code, scopes=SCOPES, allow_http=True, **more)
    return client


def test_a_person_logs_in_with_a_code_that_they_copy(live_server: LiveServer, meet: Meet) -> None:
    (alice,) = meet("alice")
    client = log_in(live_server, alice)
    assert client.me().id == alice.id
    assert client.app_verify_credentials().name == "Driver"
    assert client.status_post("by hand").application.name == "Driver"


def test_an_app_with_an_address_is_sent_the_code_and_its_state(live_server: LiveServer, meet: Meet) -> None:
    (alice,) = meet("alice")
    client = new_client(live_server, scopes=["read"], redirect_uris=[CALLBACK, "myapp://back"])
    url = client.auth_request_url(scopes=["read"], redirect_uris=CALLBACK, state="s t&te", allow_http=True)
    answer = authorize(url, username=alice.name, password=alice.person.password)
    target = httpx.URL(answer.headers["location"])
    assert str(target).startswith(f"{CALLBACK}?")
    assert target.params["state"] == "s t&te"
    client.log_in(code=target.params["code"], redirect_uri=CALLBACK, scopes=["read"], allow_http=True)
    assert client.me().id == alice.id
    with pytest.raises(MastodonAPIError):
        client.status_post("only reading was allowed")


def test_a_code_works_once_and_a_wrong_password_gives_none(live_server: LiveServer, meet: Meet) -> None:
    (alice,) = meet("alice")
    client = new_client(live_server, scopes=SCOPES)
    url = client.auth_request_url(scopes=SCOPES, allow_http=True)
    refused = authorize(url, username=alice.name, password="wrong")
    assert "<code" not in refused.text
    code = code_shown(authorize(url, username=f"{alice.name}@example.org", password=alice.person.password))
    client.log_in(code=code, scopes=SCOPES, allow_http=True)
    with pytest.raises(MastodonIllegalArgumentError):
        client.log_in(code=code, scopes=SCOPES, allow_http=True)


def test_the_password_flow_is_off(live_server: LiveServer, meet: Meet) -> None:
    (alice,) = meet("alice")
    client = new_client(live_server, scopes=SCOPES)
    with pytest.raises(MastodonIllegalArgumentError):
        client.log_in(username=f"{alice.name}@example.org", password=alice.person.password, allow_http=True)


def test_a_stored_login_works_until_it_is_revoked(
    live_server: LiveServer, meet: Meet, tmp_path: Path
) -> None:
    (alice,) = meet("alice")
    log_in(live_server, alice, to_file=tmp_path / "token")
    again = Mastodon(access_token=str(tmp_path / "token"))
    token = again.access_token
    assert again.me().id == alice.id
    again.revoke_access_token(allow_http=True)
    stale = Mastodon(access_token=token, api_base_url=live_server.url)

    def refused() -> bool:
        try:
            stale.me()
        except MastodonUnauthorizedError:
            return True
        return False

    assert eventually(refused)
    assert alice.api.me().id == alice.id  # another session of the same person


def test_a_new_account_is_signed_up_and_used_at_once(live_server: LiveServer, meet: Meet) -> None:
    client = new_client(live_server, scopes=SCOPES)
    token = client.create_account(
        "newcomer", "a long enough password", "newcomer@example.org", agreement=True, scopes=SCOPES
    )
    assert token == client.access_token
    assert client.me().username == "newcomer"
    assert client.status_post("hello").account.acct == "newcomer"
    browser = new_client(live_server, scopes=["read"])
    url = browser.auth_request_url(scopes=["read"], allow_http=True)
    code = code_shown(authorize(url, username="newcomer@example.org", password="a long enough password"))
    browser.log_in(code=code, scopes=["read"], allow_http=True)
    assert browser.me().username == "newcomer"


def test_a_sign_up_is_refused_field_by_field(live_server: LiveServer, meet: Meet) -> None:
    (alice,) = meet("alice")
    client = new_client(live_server, scopes=SCOPES)
    token, refusal = client.create_account(
        alice.name.upper(), "short", "nonsense", agreement=False, return_detailed_error=True
    )
    assert token is None
    assert refusal.details.username[0].error == "ERR_TAKEN"
    assert refusal.details.password[0].error == "ERR_TOO_SHORT"
    assert refusal.details.email[0].error == "ERR_INVALID"
    assert refusal.details.agreement[0].error == "ERR_ACCEPTED"
    with pytest.raises(MastodonIllegalArgumentError):
        client.create_account("bad name!", "long enough password", "x@example.org", agreement=True)


def test_the_server_describes_its_oauth(live_server: LiveServer) -> None:
    info = Mastodon(api_base_url=live_server.url).oauth_authorization_server_info()
    assert info.issuer.rstrip("/") == live_server.url
    assert info.token_endpoint == f"{live_server.url}/oauth/token"
    assert "authorization_code" in info.grant_types_supported
    assert info.code_challenge_methods_supported == ["S256"]
    assert {"read", "write:statuses", "follow"} <= set(info.scopes_supported)
