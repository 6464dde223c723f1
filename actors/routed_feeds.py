"""The Feeds port over any transport: routes by slot, batches by tick, retries reads, has deadlines."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Protocol

import orjson

from actors.feeds import Answer, Ask, HeadWire
from actors.lanes import Lane
from actors.ports import Head, HomeSlice
from cluster.errors import Overloaded, SocialFlowError, Unavailable
from cluster.events import Batch, OutboxRow
from cluster.observe import logger
from cluster.settings import Settings
from cluster.sharding import assign, slot_of
from cluster.topology import feed_shards
from db.pages import Window

READS_MAX = 256  # reads in one call: about 5 ms of a shard's time
TELLS_MAX = 512  # tellings in one call
LOAD_TIMEOUT_S = 2.0  # a call that waits for Postgres: cold feeds, watching
LOADS_PARALLEL = 4  # such calls at once per shard; they wait, they do not work
COLD_ATTEMPTS = 3  # loads of one feed: events may drop it between its load and its reading
BREAK_S = 0.25  # after a read and its retry failed, reads of the shard fail at once for this long

log = logger("feeds")


class Transport(Protocol):
    """Calls a method of a shard."""

    async def call(self, shard: str, method: str, *args: Any, timeout_s: float, **kwargs: Any) -> Any:
        """The method's answer. Raises its error, or Unavailable when there is none in time, or Overloaded."""
        ...


class RoutedFeeds:
    """Satisfies `actors.ports.Feeds`. One reading and one telling call in flight per shard at a time; cold
    feeds go by a lane of their own, so that nobody who is warm waits for Postgres."""

    def __init__(self, transport: Transport, *, settings: Settings) -> None:
        self._transport = transport
        self._timeout_s = settings.feeds.call_timeout_ms / 1000
        self._nudge_s = settings.feeds.nudge_wait_ms / 1000
        self.names = feed_shards(settings)
        self._owners = assign(self.names)
        self._broken_until: dict[str, float] = {}
        queue_max = settings.feeds.queue_max
        self._reads = {name: self._reader(name, cold=False, queue_max=queue_max) for name in self.names}
        self._loads = {name: self._reader(name, cold=True, queue_max=queue_max) for name in self.names}
        self._tells = {
            name: Lane[bytes, None](self._teller(name), batch_max=TELLS_MAX, queue_max=queue_max)
            for name in self.names
        }

    def _reader(self, shard: str, *, cold: bool, queue_max: int) -> Lane[Ask, Answer | None]:
        async def call(asks: Sequence[Ask]) -> Sequence[Answer | None]:
            if not cold and time.monotonic() < self._broken_until.get(shard, 0.0):
                raise Unavailable(f"shard {shard} did not answer a moment ago")
            timeout_s = LOAD_TIMEOUT_S if cold else self._timeout_s
            answers: list[Answer | None] = await self._retried(
                shard, "read", list(asks), timeout_s=timeout_s, cold=cold
            )
            return answers

        parallel = LOADS_PARALLEL if cold else 1
        return Lane(call, batch_max=READS_MAX, queue_max=queue_max, parallel=parallel)

    def _teller(self, shard: str) -> Any:
        async def call(payloads: Sequence[bytes]) -> Sequence[None]:
            payload = b"[" + b",".join(payloads) + b"]"
            await self._transport.call(shard, "apply", payload, timeout_s=self._timeout_s)
            return [None] * len(payloads)

        return call

    async def _retried(self, shard: str, method: str, *args: Any, timeout_s: float, **kwargs: Any) -> Any:
        """Call something that may be repeated; a shard that fails twice is left alone for a moment."""
        try:
            return await self._transport.call(shard, method, *args, timeout_s=timeout_s, **kwargs)
        except Unavailable:
            try:
                return await self._transport.call(shard, method, *args, timeout_s=timeout_s, **kwargs)
            except Unavailable:
                self._broken_until[shard] = time.monotonic() + BREAK_S
                raise

    def _owner(self, account_id: int) -> str:
        return self._owners[slot_of(account_id)]

    def _by_shard(self, account_ids: Sequence[int]) -> dict[str, list[int]]:
        groups: dict[str, list[int]] = {}
        for account_id in account_ids:
            groups.setdefault(self._owner(account_id), []).append(account_id)
        return groups

    async def home(self, *, account_id: int, window: Window) -> HomeSlice:
        """See the port."""
        shard = self._owner(account_id)
        ask = (account_id, window.limit, window.max_id, window.since_id, window.min_id)
        answer = await self._reads[shard].put(ask)
        for _ in range(COLD_ATTEMPTS):
            if answer is not None:
                return HomeSlice(tuple(answer[0]), answer[1])
            answer = await self._loads[shard].put(ask)
        if answer is None:
            raise Unavailable("a feed was dropped whenever it was loaded")
        return HomeSlice(tuple(answer[0]), answer[1])

    async def tell(self, rows: Sequence[OutboxRow]) -> None:
        """See the port."""
        if not rows:
            return
        payload = orjson.dumps([row.wire() for row in rows])[1:-1]
        seen = []
        for name, lane in self._tells.items():
            try:
                seen.append(lane.put(payload))
            except Overloaded:
                log.warning("telling too fast: the sweep delivers", shard=name, rows=len(rows))
        if seen:
            await asyncio.wait(seen, timeout=self._nudge_s)

    async def watch(self, *, replica: str, account_ids: Sequence[int]) -> list[Head]:
        """See the port."""
        groups = self._by_shard(account_ids)
        answers: list[list[HeadWire]] = await asyncio.gather(
            *(
                self._retried(shard, "watch", replica, ids, timeout_s=LOAD_TIMEOUT_S)
                for shard, ids in groups.items()
            )
        )
        heads = {wire[0]: Head(wire[0], tuple(wire[1]), *wire[2:]) for answer in answers for wire in answer}
        return [heads[account_id] for account_id in account_ids]

    async def unwatch(self, *, replica: str, account_ids: Sequence[int]) -> None:
        """See the port."""
        for shard, ids in self._by_shard(account_ids).items():
            try:
                await self._transport.call(shard, "unwatch", replica, ids, timeout_s=self._timeout_s)
            except SocialFlowError as error:
                log.info("unwatching failed: the registration's end does it", shard=shard, reason=str(error))

    async def register(self, *, replica: str, primary: bool) -> None:
        """See the port. Raises Unavailable when any shard does not answer, after telling all that do."""
        results = await asyncio.gather(
            *(
                self._retried(shard, "register", replica, timeout_s=self._timeout_s, primary=primary)
                for shard in self.names
            ),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def catch_up(self, *, replica: str, shard: str, epoch: int, after: int) -> list[Batch] | None:
        """See the port. Raises Unavailable."""
        messages: list[bytes] | None = await self._retried(
            shard, "catch_up", replica, timeout_s=self._timeout_s, epoch=epoch, after=after
        )
        return None if messages is None else [Batch.from_wire(orjson.loads(data)) for data in messages]

    async def stats(self) -> list[dict[str, Any]]:
        """What every shard says of itself; one that does not answer says why."""
        found: list[dict[str, Any]] = []
        for shard in self.names:
            try:
                found.append(await self._transport.call(shard, "stats", timeout_s=self._timeout_s))
            except SocialFlowError as error:
                found.append({"shard": shard, "ready": False, "reason": str(error)})
        return found

    async def close(self) -> None:
        """Refuse whoever waits, and end."""
        for lanes in (self._reads, self._loads, self._tells):
            for lane in lanes.values():
                await lane.close()
