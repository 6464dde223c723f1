"""Security headers on every answer, CORS for apps in browsers, and no tokens left in query strings."""

from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.context import Context

CORS_PATHS = ("/api/", "/.well-known/", "/nodeinfo/", "/media/")
CORS_EXACT = frozenset(("/oauth/token", "/oauth/revoke", "/oauth/userinfo", "/manifest.json"))
EXPOSED = "Link, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id, Retry-After"

Headers = list[tuple[bytes, bytes]]

_ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]
# For answers that are no page of ours: nothing in them may run or be framed, whatever they look like.
_INERT = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; form-action 'none'")
_SECURE = (b"strict-transport-security", b"max-age=31536000")
_CORS: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", EXPOSED.encode()),
]
_PREFLIGHT: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    (b"access-control-max-age", b"7200"),  # the longest that Chromium believes
    (b"vary", b"Access-Control-Request-Headers"),
]
_NUL = orjson.dumps({"error": "The address contains a NUL character"})


class SecurityHeaders:
    """ASGI middleware. Takes `access_token` out of the query and into the headers, where nothing logs it."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or pass a request on and add to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        cors = path.startswith(CORS_PATHS) or path in CORS_EXACT
        if cors and scope["method"] == "OPTIONS":
            await _answer(send, 204, [*_PREFLIGHT, *_allowed_headers(scope)])
            return
        if "\x00" in path:
            await _answer(send, 400, [(b"content-type", b"application/json"), *_ALWAYS, *_CORS], _NUL)
            return
        if b"access_token=" in scope["query_string"]:
            _move_token(scope)
        secure = scope["scheme"] == "https"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _completed(message.get("headers", ()), cors=cors, secure=secure)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _completed(headers: Iterable[tuple[bytes, bytes]], *, cors: bool, secure: bool) -> Headers:
    """An answer's headers and ours, except those that the answer has set itself."""
    given = list(headers)
    names = {name.lower() for name, _ in given}
    added = [*_ALWAYS, _INERT]
    if secure:
        added.append(_SECURE)
    if cors:
        added += _CORS
    return [*given, *(header for header in added if header[0] not in names)]


def _allowed_headers(scope: Scope) -> Headers:
    for name, value in scope["headers"]:
        if name == b"access-control-request-headers":
            return [(b"access-control-allow-headers", value)]
    return []


def _move_token(scope: Scope) -> None:
    # In place: the outer layers look at the same scope when the request is done.
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    kept = urlencode([pair for pair in pairs if pair[0] != "access_token"], encoding="latin-1").encode()
    headers = scope["headers"]
    token = next((value for name, value in pairs if name == "access_token"), "")
    if token and not any(name == b"authorization" for name, _ in headers):
        headers = [*headers, (b"authorization", b"Bearer " + token.encode("latin-1"))]
    scope["query_string"], scope["headers"] = kept, headers


async def _answer(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
