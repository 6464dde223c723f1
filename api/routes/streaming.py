"""Mastodon's streaming API: one websocket with many streams, or one stream of server-sent events each.

Plain ASGI, because every layer between an event and the socket is paid for once per reader.
https://docs.joinmastodon.org/methods/streaming/
"""

import asyncio
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api import frames, problems
from api.close_codes import BINARY, TOO_LARGE, TOO_MANY_MESSAGES
from api.gate import Gate, Scope, parameters_of, refuse_if_ended
from api.hub import Connection, Hub, Send, Stream
from api.tokens import Caller
from cluster.errors import MalformedRequest, NotFound, SocialFlowError, Unauthenticated
from cluster.topology import STREAMING_PREFIX

Receive = Any

MESSAGE_CHARACTERS_MAX = 4_096  # a subscription has under 300
MESSAGES_MAX = 200  # a client with every stream it may have subscribes 50 times when it connects
MESSAGES_WINDOW_S = 10.0

EVENT_STREAMS = {
    "/user": "user",
    "/user/notification": "user:notification",
    "/public": "public",
    "/public/local": "public:local",
    "/public/remote": "public:remote",
    "/public/media": "public:media",
    "/hashtag": "hashtag",
    "/hashtag/local": "hashtag:local",
    "/list": "list",
    "/direct": "direct",
}
_TRUE = ("true", "1", "t", "on", "yes")
_CORS = {"Access-Control-Allow-Origin": "*"}
_PREFLIGHT = {
    **_CORS,
    "Access-Control-Allow-Methods": "GET, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Cache-Control, Last-Event-ID",
    "Access-Control-Max-Age": "86400",
}
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"text/event-stream"),
        (b"cache-control", b"no-store"),
        (b"access-control-allow-origin", b"*"),
        (b"x-accel-buffering", b"no"),  # proxies must not gather events
        (b"x-content-type-options", b"nosniff"),
    ],
}
_HELLO = {"type": "http.response.body", "body": b":)\n", "more_body": True}  # as Mastodon


class StreamingRoutes:
    """Answers the requests below `/api/v1/streaming`."""

    def __init__(self, gate: Gate, hub: Hub) -> None:
        self._gate = gate
        self._hub = hub

    async def http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Server-sent events, and the health check."""
        path = scope["path"].removeprefix(STREAMING_PREFIX).rstrip("/")
        if path == "/health":
            await PlainTextResponse("OK")(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, send)
        elif scope["method"] != "GET":
            await Response(status_code=405, headers={**_CORS, "Allow": "GET"})(scope, receive, send)
        else:
            try:
                await self._events(path, scope, receive, send)
            except SocialFlowError as error:
                await _refuse(error, scope, receive, send)

    async def _events(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        name = EVENT_STREAMS.get(path)
        if name is None:
            raise NotFound if path else MalformedRequest("Unknown stream type")
        parameters = parameters_of(scope)
        if name in ("public", "public:local", "public:remote"):
            name += ":media" if parameters.get("only_media", "").lower() in _TRUE else ""
        caller = await self._gate.caller(scope)
        stream = await self._gate.stream(name, parameters, caller)
        async with self._gate.admitted(scope, send, caller) as connection:
            refuse_if_ended(connection)
            await send(_START)
            connection.accepted = True
            connection.put(_HELLO)
            self._hub.subscribe(connection, stream)
            while (await receive())["type"] != "http.disconnect":
                pass

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Any number of streams, subscribed to by the query and by messages."""
        if (await receive())["type"] != "websocket.connect":
            return
        try:
            await self._converse(scope, receive, send)
        except SocialFlowError as error:
            await _refuse(error, scope, receive, send)

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = await self._gate.caller(scope)
        parameters = parameters_of(scope)
        async with self._gate.admitted(scope, send, caller) as connection:
            visit = _Visit(self._gate, self._hub, connection, caller)
            asked = await visit.find(parameters["stream"], parameters) if parameters.get("stream") else None
            if isinstance(asked, Unauthenticated):
                raise asked
            refuse_if_ended(connection)
            # Browsers hang up when none of the subprotocols that they offered is chosen.
            await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None)})
            connection.accepted = True
            visit.answer(asked)
            await visit.listen(receive)


class _Visit:
    """One websocket's conversation."""

    def __init__(self, gate: Gate, hub: Hub, connection: Connection, caller: Caller | None) -> None:
        self._gate, self._hub, self._connection, self._caller = gate, hub, connection, caller
        self._heard = 0
        self._window_ends = 0.0

    async def find(self, name: str, parameters: dict[str, str]) -> Stream | SocialFlowError:
        """The stream asked for, or why not."""
        try:
            return await self._gate.stream(name, parameters, self._caller)
        except SocialFlowError as error:
            return error

    def answer(self, asked: Stream | SocialFlowError | None) -> None:
        """Subscribe to a stream that was found, or say why it was not. Success is not confirmed."""
        if isinstance(asked, Stream):
            try:
                self._hub.subscribe(self._connection, asked)
            except SocialFlowError as error:
                asked = error
        if isinstance(asked, SocialFlowError):
            self._connection.put(frames.error(asked.message, problems.status_of(asked)))

    async def listen(self, receive: Receive) -> None:
        """Follow the client's wishes until it leaves or has to."""
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                self._connection.close(BINARY)
            elif len(text) > MESSAGE_CHARACTERS_MAX:
                self._connection.close(TOO_LARGE)
            elif self._talks_too_much():
                self._connection.close(TOO_MANY_MESSAGES)
            elif self._connection.closing is None:
                await self._obey(text)

    async def _obey(self, text: str) -> None:
        try:
            wish = orjson.loads(text)
        except orjson.JSONDecodeError:
            wish = None
        if not isinstance(wish, dict):
            self.answer(MalformedRequest("The message is not a JSON object"))
            return
        kind = wish.get("type")
        if kind not in ("subscribe", "unsubscribe"):
            return  # as Mastodon: clients may know messages that we do not
        parameters = {name: str(_first(value)) for name, value in wish.items() if _first(value) is not None}
        asked = await self.find(parameters.get("stream", ""), parameters)
        if kind == "unsubscribe" and isinstance(asked, Stream):
            self._hub.unsubscribe(self._connection, asked)
        else:
            self.answer(asked)

    def _talks_too_much(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now > self._window_ends:
            self._heard, self._window_ends = 0, now + MESSAGES_WINDOW_S
        self._heard += 1
        return self._heard > MESSAGES_MAX


def _first(value: Any) -> Any:
    # Mastodon takes the first of several; what is neither text nor number is nothing.
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


async def _refuse(error: SocialFlowError, scope: Scope, receive: Receive, send: Send) -> None:
    # An upgrade is refused with an ordinary answer (ASGI's websocket.http.response), as any other request.
    request = Request({**scope, "type": "http", "method": scope.get("method", "GET")})
    response = await problems.answer_error(request, error)
    response.headers.update(_CORS)
    await response(scope, receive, send)
