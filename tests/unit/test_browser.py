"""Cookies of our own pages."""

import pytest
from starlette.responses import Response

from api import browser
from cluster.settings import Settings, Web


def cookie_of(public_url: str) -> str:
    answer = Response()
    browser.remember(answer, Settings(web=Web(public_url=public_url)), "token")
    return answer.headers["set-cookie"]


def test_behind_tls_a_cookie_is_bound_to_the_host_and_never_sent_in_the_clear() -> None:
    name, *flags = cookie_of("https://social.example").split("; ")
    assert name == "__Host-session=token"
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(flags)
    assert not any(flag.startswith("Domain") for flag in flags)


@pytest.mark.parametrize("public_url", ["", "http://127.0.0.1:8000"])
def test_without_tls_the_cookie_still_comes_back(public_url: str) -> None:
    assert cookie_of(public_url).startswith("session=token;")
    assert "Secure" not in cookie_of(public_url)
