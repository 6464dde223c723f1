"""One event as it goes over the wires: encoded once per stream name, shared by all who get it. Pure."""

from typing import Any

import orjson

Label = tuple[str, ...]
"""What a client calls a stream: ("user",), ("hashtag", "cats"), ("list", "12")."""

HEARTBEAT: dict[str, Any] = {"type": "http.response.body", "body": b":thump\n", "more_body": True}
"""The comment with which Mastodon keeps server-sent events alive."""


class Frames:
    """An event with its payload (JSON, or None for an event without one) as ASGI messages."""

    __slots__ = ("_by_label", "_event", "_payload", "_sse")

    def __init__(self, event: str, payload: bytes | None) -> None:
        self._event = event
        self._payload = payload
        self._by_label: dict[Label, dict[str, Any]] = {}
        self._sse: dict[str, Any] | None = None

    def websocket(self, label: Label) -> dict[str, Any]:
        """For a websocket that knows the stream by this name: one JSON object, its payload a string."""
        message = self._by_label.get(label)
        if message is None:
            body: dict[str, Any] = {"stream": label, "event": self._event}
            if self._payload is not None:
                body["payload"] = self._payload.decode()
            message = {"type": "websocket.send", "text": orjson.dumps(body).decode()}
            self._by_label[label] = message
        return message

    def server_sent(self) -> dict[str, Any]:
        """For an event stream. JSON has no raw line breaks, so the payload is one `data` line. An event
        without a payload says `undefined`, as Mastodon does: browsers drop events that have no data."""
        if self._sse is None:
            data = b"undefined" if self._payload is None else self._payload
            body = b"event: %b\ndata: %b\n\n" % (self._event.encode(), data)
            self._sse = {"type": "http.response.body", "body": body, "more_body": True}
        return self._sse


def error(message: str, status: int) -> dict[str, Any]:
    """What a websocket hears when a subscription is refused (as Mastodon)."""
    body = orjson.dumps({"error": message, "status": status}).decode()
    return {"type": "websocket.send", "text": body}
