"""Valkey (Redis protocol): messages between processes, scripts over shared counters, pipelines.

Nothing here is the truth: a message may be lost when Valkey restarts, and subscribers are told when that
may have happened. Every call fails fast with Unavailable while Valkey is away; subscriptions come back by
themselves.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from functools import lru_cache
from typing import Any, TypeVar

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cluster.errors import Unavailable

T = TypeVar("T")
Argument = bytes | str | int | float
Message = tuple[str, bytes | None]

CONNECTIONS_MAX = 16  # one command takes about 0.1 ms; more connections than cores only queue in Valkey
CALL_TIMEOUT_S = 0.5  # a healthy Valkey on the same machine or rack answers in under 1 ms
BREAK_S = 0.1  # after a failure, calls in this time fail without trying: no request waits for a dead Valkey
RETRY_S = (0.02, 1.0)  # waits between attempts to subscribe again: first and longest, with jitter
SILENCE_S = 2.0  # a subscription that hears nothing for this long asks, and after twice as long is lost

LOST = (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.BusyLoadingError, OSError)
"""What a missing, restarting or frozen Valkey looks like from here."""


class Bus:
    """Connections to one Valkey: `redis://`, `rediss://` or `unix://` URLs. Opened lazily."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("valkey+unix://", "unix://").replace("valkey://", "redis://")
        self._redis: Redis | None = None
        self._down_until = 0.0

    async def open(self) -> None:
        """Connect. Raises Unavailable when Valkey does not answer; safe to call again."""
        self._down_until = 0.0
        await self._attempt(self._client().ping())

    async def close(self) -> None:
        """Close all connections; subscriptions end by cancelling whoever reads them."""
        client, self._redis = self._redis, None
        if client is not None:
            await client.aclose()

    async def publish(self, channel: str, message: bytes) -> int:
        """Send to whoever subscribes now; answers how many did. Raises Unavailable."""
        return int(await self._attempt(self._client().publish(channel, message)))

    async def pipeline(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """Several commands in one round trip, answers in order; not a transaction.

        A refused command's answer is the `redis.exceptions.ResponseError`. Raises Unavailable.
        """
        if not commands:
            return []
        pipeline = self._client().pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return await self._attempt(pipeline.execute(raise_on_error=False))

    async def run_script(self, source: str, *, keys: Sequence[str], args: Sequence[Argument] = ()) -> Any:
        """Run Lua atomically: by digest, and by text when Valkey does not know it yet. Raises Unavailable."""
        client = self._client()
        try:
            return await self._attempt(client.evalsha(_digest(source), len(keys), *keys, *args))
        except exceptions.NoScriptError:
            return await self._attempt(client.eval(source, len(keys), *keys, *args))

    async def subscribe(self, channels: Sequence[str]) -> AsyncGenerator[Message]:
        """Messages of these channels as (channel, data), for ever, across restarts of Valkey.

        (channel, None) comes first and after every interruption: from there on nothing is missed, and
        what was said before may have been. What cannot be read fast enough waits in Valkey's buffer for
        this client; when that overflows (client-output-buffer-limit) it is an interruption too.
        """
        wait_s = RETRY_S[0]
        while True:
            try:
                async with aclosing(self._listen(channels)) as messages:
                    async for message in messages:
                        wait_s = RETRY_S[0]
                        yield message
            except LOST:
                await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))
                wait_s = min(wait_s * 2, RETRY_S[1])

    async def _listen(self, channels: Sequence[str]) -> AsyncGenerator[Message]:
        pubsub = self._client().pubsub()
        asked = False
        try:
            await pubsub.subscribe(*channels)
            while True:
                heard = await pubsub.get_message(timeout=SILENCE_S)
                if heard is None:
                    if asked:
                        raise exceptions.TimeoutError("no answer on the subscription")
                    await pubsub.ping()
                asked = heard is None
                if heard is not None and heard["type"] == "message":
                    yield heard["channel"].decode(), heard["data"]
                elif heard is not None and heard["type"] == "subscribe":
                    yield heard["channel"].decode(), None
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _client(self) -> Redis:
        if self._redis is None:
            options: dict[str, Any] = {
                "max_connections": CONNECTIONS_MAX,
                "timeout": CALL_TIMEOUT_S,
                "socket_timeout": CALL_TIMEOUT_S,
                "socket_connect_timeout": CALL_TIMEOUT_S,
                "retry": Retry(NoBackoff(), 0),
            }
            self._redis = Redis(connection_pool=BlockingConnectionPool.from_url(self._url, **options))
        return self._redis

    async def _attempt(self, call: Awaitable[T]) -> T:
        if time.monotonic() < self._down_until:
            if asyncio.iscoroutine(call):
                call.close()
            raise Unavailable("the event channel does not answer")
        try:
            return await call
        except LOST as error:
            self._down_until = time.monotonic() + BREAK_S
            raise Unavailable("the event channel does not answer") from error


@lru_cache(maxsize=64)  # scripts are constants in our code: a handful
def _digest(source: str) -> str:
    return hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
