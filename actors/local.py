"""Feeds in this process: the same shards and the same handles without Ray, for tests and small tools."""

import asyncio
from typing import Any

from actors.feeds import FeedShard
from actors.routed_feeds import RoutedFeeds
from cluster.clock import Clock
from cluster.errors import Unavailable
from cluster.settings import Settings
from cluster.topology import feed_shards
from db.bus import Bus
from db.pool import Pool


class _Direct:
    """Calls shard objects; a call that takes too long goes on, as it would in an actor."""

    def __init__(self, shards: dict[str, FeedShard]) -> None:
        self._shards = shards
        self._calls: set[asyncio.Task[Any]] = set()

    async def call(self, shard: str, method: str, *args: Any, timeout_s: float, **kwargs: Any) -> Any:
        """See `Transport`."""
        task = asyncio.create_task(getattr(self._shards[shard], method)(*args, **kwargs))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        done, _ = await asyncio.wait({task}, timeout=timeout_s)
        if not done:
            task.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise Unavailable(f"shard {shard} did not answer in time")
        return task.result()


class LocalFeeds(RoutedFeeds):
    """The `Feeds` port over shards in this process, publishing through the real bus."""

    def __init__(self, *, settings: Settings, pool: Pool, bus: Bus, clock: Clock) -> None:
        self._parts: dict[str, Any] = {"settings": settings, "pool": pool, "bus": bus, "clock": clock}
        self.shards = {name: FeedShard(name, **self._parts) for name in feed_shards(settings)}
        super().__init__(_Direct(self.shards), settings=settings)

    async def start(self) -> None:
        """Start every shard. Raises Unavailable when one cannot be claimed."""
        for shard in self.shards.values():
            await shard.start()
        for name, shard in self.shards.items():
            if not await shard.ready(wait_s=5.0):
                raise Unavailable(f"shard {name} was not claimed")

    async def restart(self, name: str) -> None:
        """What a crash does: the shard's memory is gone, and a new owner takes over."""
        await self.shards[name].crash()
        self.shards[name] = FeedShard(name, **self._parts)
        await self.shards[name].start()

    async def stop(self) -> None:
        """Stop every shard."""
        await self.close()
        for shard in self.shards.values():
            await shard.stop()
