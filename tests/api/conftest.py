"""Fixtures of the api ring: the real app in this process (`client`) or on a loopback port (`live_server`)."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import uvicorn

from api.app import create_app
from api.context import Context
from api.streaming_app import create_streaming_app
from cluster.settings import Settings
from tests.api.world import World, client_for, open_world, settings_for


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """Of a server on a fresh database; override in a module to change a bound."""
    return settings_for(database_url=database_url, redis_url=redis_url, home=tmp_path)


@pytest.fixture
async def world(settings: Settings) -> AsyncIterator[World]:
    """An open context, and people."""
    async with open_world(settings) as world:
        yield world


@pytest.fixture
def context(world: World) -> Context:
    """What a replica has."""
    return world.context


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Requests to the app, without sockets; the context is open already, so no lifespan runs."""
    async with client_for(create_app(world.context), world.context.settings) as client:
        yield client


@dataclass(frozen=True, slots=True)
class LiveServer:
    """A server on a loopback port, in a thread of its own."""

    url: str
    world: World
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine where the server lives, from a test without a loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=30)


class Front:
    """Both applications behind one port, as HAProxy has them."""

    def __init__(self, context: Context) -> None:
        self._api = create_app(context)
        self._streaming = create_streaming_app(context)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        app = self._streaming if scope.get("path", "").startswith("/api/v1/streaming") else self._api
        await app(scope, receive, send)


@pytest.fixture(scope="module")
def live_server(
    postgres_server: str,
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[LiveServer]:
    """One live server for a module, on a database of its own."""
    name = f"live_{abs(hash(request.node.nodeid)) % 10**8}"
    admin_url = postgres_server.replace("template_socialflow", "postgres")
    asyncio.run(
        _execute(admin_url, f"CREATE DATABASE {name} TEMPLATE template_socialflow STRATEGY FILE_COPY")
    )
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    settings = settings_for(
        database_url=postgres_server.replace("template_socialflow", name),
        redis_url=redis_url,
        home=tmp_path_factory.mktemp("live"),
        port=bound.getsockname()[1],
    )
    with _Thread(settings, bound) as server:
        yield server
    asyncio.run(_execute(admin_url, f"DROP DATABASE {name} WITH (FORCE)"))


class _Thread:
    def __init__(self, settings: Settings, bound: socket.socket) -> None:
        self._settings, self._bound = settings, bound
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._stop = asyncio.Event()
            async with open_world(self._settings) as world:
                config = uvicorn.Config(Front(world.context), lifespan="off", log_level="warning")
                server = uvicorn.Server(config)
                task = asyncio.create_task(server.serve(sockets=[self._bound]))
                while not server.started:  # noqa: ASYNC110 - uvicorn has a flag, not an event
                    await asyncio.sleep(0.01)
                self._world = world
                self._ready.set()
                await self._stop.wait()
                server.should_exit = True
                server.force_exit = True
                await task

        asyncio.run(main())

    def __enter__(self) -> LiveServer:
        self._thread.start()
        assert self._ready.wait(20), "the live server did not start"
        return LiveServer(self._settings.public_url, self._world, self._loop)

    def __exit__(self, *_exc: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
