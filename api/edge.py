"""The outermost middleware: request id, trailing slashes, admission, metrics, a request's log line."""

import re
import secrets
import time
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any

import orjson
from prometheus_client import Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster import observe

log = observe.logger("http")

REQUESTS = Counter("socialflow_http_requests_total", "Requests answered", ["method", "route", "status"])
LATENCY = Histogram(
    "socialflow_http_request_seconds",
    "Time from the first byte in to the last byte out",
    ["route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
IN_FLIGHT = Gauge("socialflow_http_requests_in_flight", "Requests being answered now")
REFUSED = Counter("socialflow_http_requests_refused_total", "Requests refused because the replica was full")

SLOW_S = 1.0  # a request that takes longer is worth a line in the log
_METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))
_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_ALWAYS_ADMITTED = ("/healthz", "/readyz", "/metrics")
_FULL_HEADERS = [
    (b"content-type", b"application/json; charset=utf-8"),
    (b"retry-after", b"1"),
    (b"access-control-allow-origin", b"*"),
]
_FULL = orjson.dumps({"error": "The server is at its limit; retry shortly"})


class Edge:
    """Wraps the whole application. `requests_max`: requests in flight; one more is answered 503 at once.
    `echo_id`: whether answers carry the request's id; a server in front that does so already says no."""

    def __init__(self, app: ASGIApp, requests_max: int, echo_id: bool) -> None:
        self._app = app
        self._requests_max = requests_max
        self._echo_id = echo_id
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass other scopes through untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = _without_trailing_slash(scope)
        identifier = _request_id(scope)
        token = observe.request_id.set(identifier)
        try:
            if self._in_flight >= self._requests_max and scope["path"] not in _ALWAYS_ADMITTED:
                REFUSED.inc()
                await send({"type": "http.response.start", "status": 503, "headers": _FULL_HEADERS})
                await send({"type": "http.response.body", "body": _FULL})
                return
            await self._answer(scope, receive, send, identifier)
        finally:
            observe.request_id.reset(token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, identifier: str) -> None:
        started = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._echo_id:
                    message["headers"] = [*message.get("headers", ()), (b"x-request-id", identifier.encode())]
            await send(message)

        self._in_flight += 1
        IN_FLIGHT.set(self._in_flight)
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            self._in_flight -= 1
            _account_for(scope, status, time.perf_counter() - started)


def _account_for(scope: MutableMapping[str, Any], status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "none")  # the template, not the path: few labels, no ids
    method = scope["method"] if scope["method"] in _METHODS else "other"  # anybody can invent methods
    _requests(method, route, status).inc()
    _latency(route).observe(seconds)
    if status >= 500 or seconds > SLOW_S:
        log.warning("request", method=scope["method"], route=route, status=status, seconds=round(seconds, 3))
    else:
        log.debug("request", method=scope["method"], route=route, status=status, seconds=round(seconds, 4))


@lru_cache(maxsize=2_000)  # routes x methods x statuses seen; `labels` costs 2 us, this a tenth
def _requests(method: str, route: str, status: int) -> Counter:
    return REQUESTS.labels(method, route, status)


@lru_cache(maxsize=400)
def _latency(route: str) -> Histogram:
    return LATENCY.labels(route)


def _without_trailing_slash(scope: Scope) -> Scope:
    path: str = scope["path"]
    if len(path) > 1 and path.endswith("/"):  # several clients send them; a redirect would lose a POST's body
        return {**scope, "path": path.rstrip("/") or "/"}
    return scope


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text: str = value.decode("latin-1")
            if _ID.fullmatch(text):
                return text
            break
    return secrets.token_hex(8)
