"""What a replica believes about where a request came from: HAProxy's own header, proved by a secret."""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from deployments.haproxy import HEADER, STRIPPED, STRIPPED_BEGINNINGS

Scope = MutableMapping[str, Any]
ASGIApp = Callable[[Scope, Any, Any], Awaitable[None]]

_HEADER = HEADER.encode()
_STRIPPED = frozenset(name.encode() for name in STRIPPED)
_BEGINNINGS = tuple(beginning.encode() for beginning in STRIPPED_BEGINNINGS)
_SECURE = {"http": "https", "ws": "wss"}


class Ingress:
    """ASGI middleware: sets the scope's client and scheme, and removes every header that could claim them.

    A request without HAProxy's proof was sent to the replica's port by somebody on this machine: it keeps
    the address that it came from.
    """

    def __init__(self, app: ASGIApp, *, secret: str) -> None:
        self._app = app
        self._secret = secret.encode()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Pass on what is left to believe."""
        if scope["type"] in ("http", "websocket"):
            self._believe(scope)
        await self._app(scope, receive, send)

    def _believe(self, scope: Scope) -> None:
        kept = []
        proof = b""
        for name, value in scope["headers"]:
            if name == _HEADER:
                proof = value
            elif name not in _STRIPPED and not name.startswith(_BEGINNINGS):
                kept.append((name, value))
        scope["headers"] = kept
        secret, _, claim = proof.partition(b" ")
        if hmac.compare_digest(secret, self._secret):
            address, _, scheme = claim.decode("latin-1").rpartition(" ")
            scope["client"] = (address, 0)
            if scheme == "https":
                scope["scheme"] = _SECURE.get(scope["scheme"], scope["scheme"])
