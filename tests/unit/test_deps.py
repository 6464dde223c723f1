"""Scopes, windows, ids and bearer tokens, without an app."""

import pytest
from starlette.requests import Request

from api import deps, scopes
from cluster.errors import InvalidInput, NotFound, OAuthError
from cluster.ids import ID_MAX
from db.pages import Window


def request(query: str = "", **headers: str) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "query_string": query.encode(), "headers": raw})


@pytest.mark.parametrize(
    ("held", "wanted", "allowed"),
    [
        ("read", "read:statuses", True),
        ("read", "read", True),
        ("read:statuses", "read:statuses", True),
        ("read:statuses", "read", False),
        ("read", "write:statuses", False),
        ("write", "write:media", True),
        ("follow", "write:follows", True),
        ("follow", "read:blocks", True),
        ("follow", "read:statuses", False),
        ("admin:read", "admin:read:accounts", True),
        ("read", "admin:read", False),
        ("readx", "read:statuses", False),
        ("offline_access", "read:statuses", False),
    ],
)
def test_a_scope_covers_what_is_below_it(held: str, wanted: str, allowed: bool) -> None:
    assert scopes.allows((held,), wanted) is allowed


def test_scopes_parse_with_spaces_and_pluses_and_default_to_read() -> None:
    assert scopes.parse("read write+push read") == ("read", "write", "push")
    assert scopes.parse("  ") == ("read",)
    with pytest.raises(OAuthError) as caught:
        scopes.parse("read everything")
    assert caught.value.code == "invalid_scope"


def test_an_app_may_ask_for_part_of_what_it_registered() -> None:
    assert scopes.contain(("read", "write:media"), ("read:lists", "write:media", "offline_access"))
    assert not scopes.contain(("read",), ("read", "write"))


def test_a_window_reads_cursors_and_keeps_the_limit_inside() -> None:
    assert deps.window(request()) == Window(limit=20)
    assert deps.window(request("limit=500&max_id=9&min_id=3&local=true")) == Window(
        limit=40, max_id=9, min_id=3
    )
    assert deps.window(request("limit=0&since_id=0")) == Window(limit=1, since_id=0)
    assert deps.window(request(f"max_id={10**19}&since_id=")) == Window(max_id=ID_MAX)


@pytest.mark.parametrize(
    "query", ["max_id=abc", "min_id=-1", "since_id=1.5", f"max_id={10**30}", "limit=x", "limit=-3"]
)
def test_a_bad_cursor_is_refused_with_its_name(query: str) -> None:
    with pytest.raises(InvalidInput, match=query.split("=")[0]):
        deps.window(request(query))


@pytest.mark.parametrize("text", ["", "abc", "-1", "0", "1.0", "９", str(2**63), "1" * 40])
def test_a_bad_id_in_a_path_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        deps.path_id(text)


def test_the_bearer_token_comes_from_header_or_query() -> None:
    assert deps.bearer(request()) is None
    assert deps.bearer(request(authorization="Bearer abc")) == "abc"
    assert deps.bearer(request(authorization="bearer  abc ")) == "abc"
    assert deps.bearer(request(authorization="Basic abc")) is None
    assert deps.bearer(request(authorization="Bearer ")) is None
    assert deps.bearer(request("access_token=q")) == "q"
    assert deps.bearer(request("access_token=q", authorization="Bearer abc")) == "abc"
