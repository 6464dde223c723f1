"""Open connections, what they subscribed to, and the bounded queue before each. Knows no sockets.

Sending costs no task and no wake-up while the client keeps up: the ASGI `send` is run in place, and only
when it has to wait does a task take it over. Whoever stays behind for too long is cut off with a code.
"""

import asyncio
import types
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import Counter as Metric
from prometheus_client import Gauge

from api.close_codes import REVOKED, SLOW_READER, Close
from api.frames import HEARTBEAT, Frames, Label
from cluster.errors import InvalidInput, RateLimited
from cluster.settings import Streaming

CONNECTIONS = Gauge("socialflow_streaming_connections", "Open connections", ["transport"])
SENT = Metric("socialflow_streaming_events_total", "Events sent to clients")
CUT_OFF = Metric("socialflow_streaming_cut_off_total", "Connections that the server ended", ["code"])

CLOSE_TIMEOUT_S = 10.0  # how long a client that does not read may take to accept its close frame

Message = Mapping[str, Any]
Send = Callable[[Any], Awaitable[None]]
Topic = tuple[str, int | str]
"""Where events go: ("home", account id), ("notifications", account id), ("direct", account id),
("list", list id), ("tag", name), ("public", ""), ("public", "media")."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What a client can subscribe to. `key` tells one from another, `label` is how the client named it."""

    key: Label
    label: Label
    topics: tuple[Topic, ...]


@dataclass(eq=False, slots=True)
class Subscription:
    """One connection's interest in a stream."""

    connection: "Connection"
    stream: Stream

    def push(self, frames: Frames) -> None:
        """Send an event to this reader."""
        connection = self.connection
        connection.put(frames.websocket(self.stream.label) if connection.websocket else frames.server_sent())


Readers = dict[Subscription, None]
_NOBODY: Mapping[int | str, Readers] = {}


@dataclass(eq=False, slots=True)
class Connection:
    """One client. `finish` ends the task that serves it, when even a close frame cannot be delivered."""

    send: Send
    finish: Callable[[], object]
    websocket: bool
    queue_max: int
    owner: int | str
    account_id: int | None = None
    session_id: int | None = None
    subscriptions: dict[Label, Subscription] = field(default_factory=dict)
    accepted: bool = False  # until then nothing may be sent, not even a close frame
    closing: Close | None = None
    _queue: deque[Message] = field(default_factory=deque)
    _sending: asyncio.Task[None] | None = None

    @property
    def reads_others(self) -> bool:
        """Whether a stream is open on which posts of people of any shard appear."""
        return any(
            kind in ("public", "tag", "list")
            for subscription in self.subscriptions.values()
            for kind, _ in subscription.stream.topics
        )

    def put(self, message: Message) -> None:
        """Send an ASGI message after those that still wait. Never waits itself."""
        if self.closing is not None:
            return
        if self._sending is None:
            rest = self._begin(message)
            if rest is not None:
                self._sending = asyncio.create_task(self._finish_sending(rest))
        elif len(self._queue) < self.queue_max:
            self._queue.append(message)
        else:
            self.close(SLOW_READER)

    def close(self, close: Close) -> None:
        """End the connection: nothing more is sent but the close frame."""
        if self.closing is not None:
            return
        self.closing = close
        CUT_OFF.labels(close.code).inc()
        self._queue.clear()
        if not self.accepted:
            return
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self.finish)
        if self._sending is None:
            self._sending = asyncio.create_task(self._finish_sending(None))

    def abandon(self) -> None:
        """The client is gone: stop sending."""
        self._queue.clear()
        if self._sending is not None:
            self._sending.cancel()

    def _begin(self, message: Message) -> Coroutine[Any, Any, None] | None:
        """Run `send` until it waits; what is left of it, if it does."""
        sending: Any = self.send(message)
        try:
            waits_for = sending.send(None)
        except StopIteration:
            return None
        except Exception:  # the client went away; whoever reads from it will notice
            return None
        return _rest_of(sending, waits_for)

    async def _finish_sending(self, rest: Coroutine[Any, Any, None] | None) -> None:
        try:
            if rest is not None:
                await rest
            while self._queue:
                await self.send(self._queue.popleft())
            if self.closing is not None:
                await self._say_goodbye(self.closing)
        except Exception:  # the client went away; whoever reads from it will notice
            self._queue.clear()
        finally:
            self._sending = None

    async def _say_goodbye(self, close: Close) -> None:
        if self.websocket:
            await self.send({"type": "websocket.close", "code": close.code, "reason": close.reason})
        else:
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})
            self.finish()


@types.coroutine
def _rest_of(coroutine: Any, waits_for: Any) -> Generator[Any, Any, None]:
    """A coroutine that goes on where another one, already run by hand, began to wait."""
    while True:
        try:
            answer = yield waits_for
        except BaseException as error:
            resume, value = coroutine.throw, error
        else:
            resume, value = coroutine.send, answer
        try:
            waits_for = resume(value)
        except StopIteration:
            return


class Hub:
    """All connections of this process."""

    def __init__(self, settings: Streaming) -> None:
        self._settings = settings
        self._connections: dict[Connection, None] = {}
        self._readers: dict[str, dict[int | str, Readers]] = {}  # by kind and key of topic
        self._per_owner: Counter[int | str] = Counter()
        self.sent = 0
        """Events given to readers since the start."""

    def __len__(self) -> int:
        return len(self._connections)

    def connect(
        self,
        send: Send,
        *,
        finish: Callable[[], object],
        websocket: bool,
        owner: int | str,
        account_id: int | None = None,
        session_id: int | None = None,
    ) -> Connection:
        """A new connection without subscriptions. Give it back with `disconnect`.

        `owner`: the account or, of anonymous clients, the address. Raises RateLimited when it has as many
        connections as it may.
        """
        if self._per_owner[owner] >= self._settings.sockets_per_account_max:
            raise RateLimited("Too many streaming connections", retry_after_s=30)
        connection = Connection(
            send,
            finish,
            websocket,
            self._settings.send_queue_max,
            owner,
            account_id=account_id,
            session_id=session_id,
        )
        self._connections[connection] = None
        self._per_owner[owner] += 1
        CONNECTIONS.labels("websocket" if websocket else "sse").inc()
        return connection

    def disconnect(self, connection: Connection) -> None:
        """Forget a connection and everything it subscribed to."""
        if connection not in self._connections:
            return
        del self._connections[connection]
        connection.abandon()
        for subscription in list(connection.subscriptions.values()):
            self.unsubscribe(connection, subscription.stream)
        self._per_owner[connection.owner] -= 1
        if not self._per_owner[connection.owner]:
            del self._per_owner[connection.owner]
        CONNECTIONS.labels("websocket" if connection.websocket else "sse").dec()

    def subscribe(self, connection: Connection, stream: Stream) -> None:
        """Send a connection what happens in a stream; asking twice changes nothing. Raises InvalidInput
        when it has as many subscriptions as it may."""
        if stream.key in connection.subscriptions or connection not in self._connections:
            return
        if len(connection.subscriptions) >= self._settings.subscriptions_max:
            raise InvalidInput("Too many subscriptions on one connection")
        subscription = Subscription(connection, stream)
        connection.subscriptions[stream.key] = subscription
        for kind, key in stream.topics:
            self._readers.setdefault(kind, {}).setdefault(key, {})[subscription] = None

    def unsubscribe(self, connection: Connection, stream: Stream) -> None:
        """Undo `subscribe`, if it was called."""
        subscription = connection.subscriptions.pop(stream.key, None)
        if subscription is None:
            return
        for kind, key in subscription.stream.topics:
            topics = self._readers[kind]
            del topics[key][subscription]
            if not topics[key]:
                del topics[key]

    def readers(self, kind: str) -> Mapping[int | str, Readers]:
        """Who reads topics of a kind, by key. Live: do not wait while going through it."""
        return self._readers.get(kind, _NOBODY)

    def heartbeat(self) -> None:
        """Keep server-sent events alive; websocket pings are the web server's business."""
        for connection in list(self._connections):
            if not connection.websocket:
                connection.put(HEARTBEAT)

    def close_sessions(self, session_ids: Iterable[int]) -> None:
        """These sessions were revoked."""
        ended = set(session_ids)
        for connection in list(self._connections):
            if connection.session_id in ended:
                connection.close(REVOKED)

    @property
    def connections(self) -> Iterable[Connection]:
        """All of them. Live: do not wait while going through it."""
        return self._connections

    def close(self, connection: Connection, close: Close) -> None:
        """End one connection, if it is still open."""
        if connection in self._connections:
            connection.close(close)
