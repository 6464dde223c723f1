"""What the feed shards tell this replica: one channel, every delivery once and in order, or a known loss.

Registers the replica with every shard, catches up after gaps, and keeps the accounts that this replica
watches. Caches and streams listen; they must be quick and must not wait.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, Protocol

import orjson
from prometheus_client import Counter as Metric

from actors.ports import Feeds, Head
from api.track import Track
from cluster import observe, topology
from cluster.clock import Clock
from cluster.errors import SocialFlowError
from cluster.events import Batch, Delivery
from cluster.settings import Settings
from db.bus import Bus

log = observe.logger("inbox")

DELIVERIES = Metric("socialflow_inbox_deliveries_total", "Deliveries heard from the shards", ["shard"])
LOSSES = Metric("socialflow_inbox_losses_total", "Times that deliveries of a shard were lost", ["shard"])

CHANNEL = "socialflow:replica:{}"
STALE_S = 1.0  # four heartbeats (250 ms): a shard that is silent for longer may be telling us things in vain
NEVER = float("-inf")
OVERTAKEN_S = 0.005  # a batch that only took another connection than the next one arrives within this
CATCH_UP_ATTEMPTS = 4
RETRY_S = 0.25  # between attempts to reach a shard; its replacement needs 0.3-0.5 s (RAY.md)
WATCH_CHUNK = 1_000  # accounts a call when everything has to be watched again; heads are 0.6 KB each


class Listener(Protocol):
    """Whoever wants the news. Called on the event loop, in the order of `add_listener`."""

    def on_delivery(self, delivery: Delivery, batch: Batch) -> None:
        """One row; `batch` says which shard, epoch and sequence it came with."""
        ...

    def on_loss(self, shard: str) -> None:
        """Deliveries of this shard were lost: whatever they would have kept true may be wrong now.

        Called again when accounts had to be watched anew, because in between nobody told us about them.
        References taken by `watch` stay; heads that it returned are void."""
        ...


class Inbox:
    """One per process. `open` subscribes and registers; `close` ends it."""

    def __init__(self, *, settings: Settings, bus: Bus, feeds: Feeds, clock: Clock, replica: str) -> None:
        self._bus, self._feeds, self._clock, self._replica = bus, feeds, clock, replica
        self._ttl_s = settings.feeds.replica_ttl_s
        self._held_max = settings.feeds.replica_batches_max
        self._tracks = {name: Track(self._held_max) for name in topology.feed_shards(settings)}
        self._heard_at: dict[str, float] = {}
        self._stale_at: dict[str, float] = {}
        self._any_stale_at = NEVER
        self._catching_up: set[str] = set()
        self._watching_anew: Counter[str] = Counter()
        self._listeners: list[Listener] = []
        self._references: Counter[int] = Counter()
        self._shard_of: dict[int, str] = {}
        self._wanted: dict[int, None] = {}
        self._unwanted: dict[int, None] = {}
        self._flushing: asyncio.Task[dict[int, Head]] | None = None
        self._following: asyncio.Task[dict[int, Head]] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._subscribed = asyncio.Event()
        self._registered_at = clock.monotonic()

    def add_listener(self, listener: Listener) -> None:
        """Caches first, streams after them: what streams show is judged by caches that already know."""
        self._listeners.append(listener)

    async def open(self) -> None:
        """Subscribe, then register. What does not answer yet, Valkey or a shard, is waited for by a task."""
        self._spawn(self._consume())
        self._spawn(self._keep_registered())
        try:
            async with asyncio.timeout(STALE_S):
                await self._subscribed.wait()
        except TimeoutError:
            log.warning("event_channel_silent")

    async def close(self) -> None:
        """Stop listening."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def fresh(self, shard: str | None = None) -> bool:
        """Whether nothing can have been missed: news of the shard (or of all) within the last second."""
        stale_at = self._any_stale_at if shard is None else self._stale_at.get(shard, NEVER)
        return self._clock.monotonic() <= stale_at

    def _judge(self, shard: str) -> None:
        """Settle until when news of a shard count as fresh; `fresh` is asked too often to work it out."""
        in_step = shard not in self._catching_up and not self._watching_anew[shard]
        self._stale_at[shard] = (
            self._heard_at[shard] + STALE_S if in_step and shard in self._heard_at else NEVER
        )
        self._any_stale_at = min(self._stale_at.get(name, NEVER) for name in self._tracks)

    def shard_of(self, account_id: int) -> str | None:
        """The shard of an account that is being watched."""
        return self._shard_of.get(account_id)

    async def watch(self, account_ids: Sequence[int]) -> list[Head]:
        """Hear of these accounts until `unwatch`, and their home heads as of now, in the order asked.

        Counted: as many `unwatch` end it. Calls of one tick share one call to the shards. Raises
        Unavailable, and then holds no reference.
        """
        for account_id in account_ids:
            self._references[account_id] += 1
            self._wanted[account_id] = None
            self._unwanted.pop(account_id, None)
        try:
            heads = await asyncio.shield(self._flush())
            return [heads[account_id] for account_id in account_ids]
        except BaseException:
            self.unwatch(account_ids)
            raise

    def unwatch(self, account_ids: Iterable[int]) -> None:
        """Give back references of `watch`; the shards are told a little later, together."""
        for account_id in account_ids:
            self._references[account_id] -= 1
            if self._references[account_id] <= 0:
                del self._references[account_id]
                self._shard_of.pop(account_id, None)
                self._unwanted[account_id] = None
        if self._unwanted:
            self._flush()

    def _flush(self) -> "asyncio.Task[dict[int, Head]]":
        # At most one call runs and one waits: whoever comes meanwhile joins the waiting one.
        if self._following is None:
            self._following = self._spawn(self._tell_shards(self._flushing))
            self._following.add_done_callback(_retrieve)
        return self._following

    async def _tell_shards(self, before: "asyncio.Task[dict[int, Head]] | None") -> dict[int, Head]:
        if before is not None:
            await asyncio.wait([before])
        await asyncio.sleep(0)  # let the whole tick join
        self._flushing, self._following = self._following, None
        unwanted, self._unwanted = list(self._unwanted), {}
        wanted, self._wanted = list(self._wanted), {}
        if unwanted:
            await self._feeds.unwatch(replica=self._replica, account_ids=unwanted)
        if not wanted:
            return {}
        heads = await self._feeds.watch(replica=self._replica, account_ids=wanted)
        self._shard_of.update((head.account_id, head.shard) for head in heads)
        return {head.account_id: head for head in heads}

    async def _keep_registered(self) -> None:
        await self._subscribed.wait()
        while True:
            if self._clock.monotonic() - self._registered_at > self._ttl_s / 3 or not self._all_heard():
                await self._register()
            await asyncio.sleep(RETRY_S)

    async def _register(self) -> None:
        try:
            await self._feeds.register(replica=self._replica, primary=True)
        except SocialFlowError as error:
            log.warning("registration_failed", cause=repr(error))
            return
        now = self._clock.monotonic()
        if now - self._registered_at > self._ttl_s * 0.8:  # some shard may have forgotten us meanwhile
            for shard, track in self._tracks.items():
                track.reset()
                self._take(shard, [])
        self._registered_at = now

    def _all_heard(self) -> bool:
        # A shard that died forgot us with it: its successor tells us nothing until it knows our name.
        oldest = self._clock.monotonic() - STALE_S
        return all(self._heard_at.get(name, 0) >= oldest for name in self._tracks)

    async def _consume(self) -> None:
        async for _, data in self._bus.subscribe([CHANNEL.format(self._replica)]):
            self._subscribed.set()
            if data is not None:
                try:
                    self.hear(Batch.from_wire(orjson.loads(data)))
                except Exception:  # one unreadable batch shows as a gap; the loop must live
                    log.exception("batch_failed")

    def hear(self, batch: Batch) -> None:
        """Take in one batch as it came from the channel."""
        shard, now = batch.shard, self._clock.monotonic()
        track = self._tracks.setdefault(shard, Track(self._held_max))
        if now - self._heard_at.get(shard, now) > self._ttl_s:
            track.reset()
        self._heard_at[shard] = now
        self._take(shard, track.accept(batch))
        self._judge(shard)

    def _take(self, shard: str, batches: list[Batch]) -> None:
        track = self._tracks[shard]
        if track.take_loss():
            self._watching_anew[shard] += 1
            self._judge(shard)
            self._lose(shard)
            self._spawn(self._watch_anew(shard))
        self._deliver(batches)
        if track.missing and shard not in self._catching_up:
            self._catching_up.add(shard)
            self._judge(shard)
            self._spawn(self._catch_up(shard))

    async def _catch_up(self, shard: str) -> None:
        track = self._tracks[shard]
        try:
            await asyncio.sleep(OVERTAKEN_S)
            for attempt in range(CATCH_UP_ATTEMPTS):
                if not track.missing or not await self._ask_for_missing(shard, track):
                    break
                if track.missing:
                    await asyncio.sleep(RETRY_S * attempt)
            self._take(shard, track.give_up())
        finally:
            self._catching_up.discard(shard)
            self._judge(shard)
        self._take(shard, [])

    async def _ask_for_missing(self, shard: str, track: Track) -> bool:
        """Whether asking again can help."""
        epoch = track.epoch
        assert epoch is not None, "a track without an epoch has heard nothing that could be missing"
        try:
            batches = await self._feeds.catch_up(
                replica=self._replica, shard=shard, epoch=epoch, after=track.position
            )
        except SocialFlowError:
            return True
        self._take(shard, track.fill(batches or ()))
        return batches is not None or track.epoch != epoch

    async def _watch_anew(self, shard: str) -> None:
        try:
            await self._until_done(self._feeds.register, primary=True)
            mine = [account for account in self._references if self._shard_of.get(account, shard) == shard]
            for start in range(0, len(mine), WATCH_CHUNK):
                await self._until_done(self._feeds.watch, account_ids=mine[start : start + WATCH_CHUNK])
            if mine:
                self._lose(shard)
            self._unwanted.update((account, None) for account in mine if account not in self._references)
        finally:
            self._watching_anew[shard] -= 1
            self._judge(shard)

    async def _until_done(self, call: Callable[..., Awaitable[Any]], **arguments: Any) -> None:
        for attempt in itertools.count(1):
            try:
                await call(replica=self._replica, **arguments)
                return
            except SocialFlowError as error:
                log.warning("shard_unreachable", attempt=attempt, cause=repr(error))
                await asyncio.sleep(min(RETRY_S * attempt, 2.0))

    def _deliver(self, batches: list[Batch]) -> None:
        for batch in batches:
            DELIVERIES.labels(batch.shard).inc(len(batch.deliveries))
            for delivery in batch.deliveries:
                for listener in self._listeners:
                    try:
                        listener.on_delivery(delivery, batch)
                    except Exception:  # one listener's mistake must not keep the news from the others
                        log.exception("listener_failed", kind=delivery.row.event.kind)

    def _lose(self, shard: str) -> None:
        LOSSES.labels(shard).inc()
        log.warning("deliveries_lost", shard=shard)
        for listener in self._listeners:
            try:
                listener.on_loss(shard)
            except Exception:
                log.exception("listener_failed", kind="loss")

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _retrieve(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled():
        task.exception()  # nobody waits for an unwatch; without this asyncio would complain
