"""Sessions in this process: the same shards and routes without Ray, for tests and small tools."""

import asyncio
from typing import Any

from actors.session_routes import RoutedSessions
from actors.sessions import SessionShard
from cluster.clock import Clock
from cluster.errors import Unavailable
from cluster.settings import Settings
from cluster.topology import session_shards
from db.bus import Bus
from db.pool import Pool

START_S = 10.0  # a slow machine's first start, with a new key and a new map


class _Direct:
    """Calls shard objects."""

    def __init__(self, shards: dict[str, SessionShard]) -> None:
        self._shards = shards

    async def call(self, shard: str, method: str, *args: Any, timeout_s: float, **kwargs: Any) -> Any:
        """See `Transport`."""
        del timeout_s  # a test that stops in a debugger should not time out
        return await getattr(self._shards[shard], method)(*args, **kwargs)


class LocalSessions(RoutedSessions):
    """The `Sessions` port over session shards in this process."""

    def __init__(self, *, settings: Settings, pool: Pool, bus: Bus, clock: Clock) -> None:
        self.shards = {
            name: SessionShard(name, settings=settings, pool=pool, bus=bus, clock=clock)
            for name in session_shards(settings)
        }
        super().__init__(_Direct(self.shards), settings=settings)

    async def start(self) -> None:
        """Start every shard, and wait for all."""
        ready = await asyncio.gather(*(shard.ready(START_S) for shard in self.shards.values()))
        if not all(ready):
            raise Unavailable("a session shard does not start")

    async def stop(self) -> None:
        """Stop every shard."""
        await self.close()
        await asyncio.gather(*(shard.stop() for shard in self.shards.values()))
