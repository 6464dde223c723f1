"""Forged headers: a replica believes HAProxy's proof and nothing else."""

from typing import Any

import pytest

from deployments.haproxy import HEADER
from deployments.ingress import Ingress


async def seen(headers: list[tuple[str, str]], *, kind: str = "http") -> dict[str, Any]:
    captured: dict[str, Any] = {}

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        captured.update(scope)

    scope = {
        "type": kind,
        "client": ("127.0.0.1", 5555),
        "scheme": "ws" if kind == "websocket" else "http",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    await Ingress(app, secret="right")(scope, None, None)
    return captured


async def test_the_proof_sets_address_and_scheme() -> None:
    scope = await seen([(HEADER, "right 203.0.113.9 https"), ("accept", "*/*")])
    assert scope["client"] == ("203.0.113.9", 0)
    assert scope["scheme"] == "https"
    assert scope["headers"] == [(b"accept", b"*/*")]


async def test_websockets_become_secure_ones() -> None:
    assert (await seen([(HEADER, "right 203.0.113.9 https")], kind="websocket"))["scheme"] == "wss"


@pytest.mark.parametrize(
    "forged",
    [
        (HEADER, "wrong 6.6.6.6 https"),
        (HEADER, "6.6.6.6 https"),
        (HEADER, ""),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=6.6.6.6;proto=https"),
        ("x-real-ip", "6.6.6.6"),
        ("true-client-ip", "6.6.6.6"),
    ],
)
async def test_a_forged_header_changes_nothing_and_does_not_pass(forged: tuple[str, str]) -> None:
    scope = await seen([forged, ("host", "here")])
    assert scope["client"] == ("127.0.0.1", 5555)
    assert scope["scheme"] == "http"
    assert scope["headers"] == [(b"host", b"here")]


async def test_a_forged_header_beside_the_real_one_does_not_win() -> None:
    scope = await seen([("x-forwarded-for", "6.6.6.6"), (HEADER, "right 203.0.113.9 http")])
    assert scope["client"] == ("203.0.113.9", 0)
