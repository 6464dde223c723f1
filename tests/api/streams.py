"""A gateway replica of its own beside the API's, on a loopback port, and clients of it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

import httpx
import uvicorn
import websockets
from websockets.asyncio.client import ClientConnection, connect

from api.actions import follows, statuses
from api.actions.posting import Draft
from api.assembly import assemble
from api.context import Context, Parts
from api.hub import Hub
from api.streaming_app import create_streaming_app
from db.bus import Bus
from db.pool import Pool
from db.queries.relations import FollowOptions
from tests.api.world import Person, World

HEARD_S = 5.0  # what has not come by then does not come
SILENCE_S = 0.4  # longer than the sweep: what a lost telling delays would have come


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway: its own context and caches; only the shards are the same."""

    port: int
    context: Context
    hub: Hub

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1/streaming"

    def socket(self, query: str = "", **options: Any) -> connect:
        """A websocket; use it as a context manager."""
        return connect(f"ws://127.0.0.1:{self.port}/api/v1/streaming{query}", **options)

    @asynccontextmanager
    async def reader(self, person: Person | None, *streams: dict[str, str] | str) -> AsyncIterator["Reader"]:
        """A websocket with these streams open."""
        headers = person.headers if person else {}
        before = self.subscriptions
        async with self.socket(additional_headers=headers) as connection:
            for stream in streams:
                wish = {"stream": stream} if isinstance(stream, str) else stream
                await connection.send(json.dumps({"type": "subscribe", **wish}))
            await until(lambda: self.subscriptions == before + len(streams))
            yield Reader(connection)

    @property
    def subscriptions(self) -> int:
        """Streams that are open now."""
        return sum(len(connection.subscriptions) for connection in self.hub.connections)


@dataclass(slots=True)
class Reader:
    """Hears events of a websocket."""

    connection: ClientConnection

    async def next(self, timeout_s: float = HEARD_S) -> dict[str, Any]:
        """The next message, its payload decoded."""
        async with asyncio.timeout(timeout_s):
            message: dict[str, Any] = json.loads(await self.connection.recv())
        if "payload" in message and message["event"] != "delete":
            message["payload"] = json.loads(message["payload"])
        return message

    async def contents(self, count: int) -> list[str]:
        """The text of the next posts, in order."""
        return [text_of((await self.next())["payload"]) for _ in range(count)]

    async def silent(self, for_s: float = SILENCE_S) -> bool:
        """Whether nothing comes for a while."""
        try:
            await self.next(for_s)
        except TimeoutError:
            return True
        return False

    async def close_code(self) -> tuple[int, str]:
        """How the server ends the connection."""
        try:
            async with asyncio.timeout(HEARD_S):
                while True:
                    await self.connection.recv()
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.code, closed.rcvd.reason


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(HEARD_S):
        while not holds():  # noqa: ASYNC110 - what is waited for knows nothing of the test
            await asyncio.sleep(0.005)


def text_of(status: dict[str, Any]) -> str:
    content: str = status["content"]
    return content.removeprefix("<p>").removesuffix("</p>")


@asynccontextmanager
async def open_gateway(world: World, **streaming: Any) -> AsyncIterator[Gateway]:
    """A gateway over the world's shards, in this loop; `streaming` changes its settings."""
    parts = {field.name: getattr(world.context, field.name) for field in fields(Parts)}
    settings = world.context.settings
    settings = settings.model_copy(update={"streaming": settings.streaming.model_copy(update=streaming)})
    parts |= {
        "settings": settings,
        "replica": f"{world.context.replica}-gateway",
        "pool": Pool(settings.postgres),
        "bus": Bus(settings.redis.url),
    }
    context = assemble(Parts(**parts))
    await context.open()
    app = create_streaming_app(context)
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning"))
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    await until(lambda: server.started and context.inbox.fresh())
    yield Gateway(bound.getsockname()[1], context, app.hub)
    server.should_exit = server.force_exit = True
    await serving
    await app.close()
    await context.close()


async def post(context: Context, author: Person, text: str, **draft: Any) -> int:
    """A new status."""
    return await statuses.post(context, replace(Draft(author.account_id, text), **draft))


async def follow(context: Context, follower: Person, target: Person) -> None:
    """`follower` follows `target` from now on."""
    ids = {"account_id": follower.account_id, "target_id": target.account_id}
    await follows.follow(context, **ids, options=FollowOptions())


@asynccontextmanager
async def event_stream(url: str, *, token: str = "") -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    """Server-sent events as {"event", "data"}; comments as {"comment"}."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx.AsyncClient(timeout=HEARD_S) as client,
        client.stream("GET", url, headers=headers) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"] == "text/event-stream"
        yield _parsed(answer.aiter_lines())


async def _parsed(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, str]]:
    event: dict[str, str] = {}
    async for line in lines:
        if line.startswith(":"):
            yield {"comment": line[1:]}
        elif line:
            name, value = line.split(": ", 1)
            event[name] = value
        elif event:
            yield event
            event = {}
