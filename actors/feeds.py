"""The feed shard's shell: claims the shard, loads what is cold, sweeps the outbox, publishes per tick.

Without Ray it is an ordinary object with coroutines; `actors/supervise.py` makes an actor of it.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import orjson

from actors.feed_loader import Loader
from actors.states.feed import FeedState
from cluster.clock import Clock
from cluster.errors import SocialFlowError, Unavailable
from cluster.events import EVENTS, OutboxRow
from cluster.observe import logger
from cluster.settings import Settings
from cluster.sharding import assign
from cluster.topology import feed_shards
from db.bus import Bus
from db.pages import Window
from db.pool import Pool
from db.position import Position
from db.queries import outbox, shards

CHANNEL = "socialflow:replica:"  # + name: where a replica hears its batches
HEARTBEAT_S = 0.25  # replicas trust their caches for 1 s after the last news: three may be late
SWEEP_ROWS = 5_000  # rows of one step, ids only: about 5 ms in Postgres
NEWS_S_MAX = 1.0  # without a sweep for longer, what is published may lack rows: say nothing then
PRUNE_S = 60.0
PRUNE_ROWS = 10_000
WATCH_ATTEMPTS = 5
RETRY_S = 0.2  # between attempts while Postgres is away

Ask = tuple[int, int, int | None, int | None, int | None]  # account, limit, max_id, since_id, min_id
Answer = tuple[list[int], int]  # ids, floor
HeadWire = tuple[int, list[int], int, str, int, int]  # the members of a Head, in order

log = logger("feeds")


class FeedShard:
    """Home feeds of the accounts in this shard's slots. A crash loses nothing that Postgres does not have;
    an answer means: complete up to the last sweep and everything told since."""

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        pool: Pool,
        bus: Bus,
        clock: Clock,
        on_fenced: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._settings = settings.feeds
        self._owners = assign(feed_shards(settings))
        self._pool = pool
        self._bus = bus
        self._clock = clock
        self._on_fenced = on_fenced
        self._tasks: list[asyncio.Task[None]] = []
        self._claimed = asyncio.Event()
        self._news = asyncio.Event()
        self._publishing = asyncio.Lock()
        self._sweeping = asyncio.Lock()
        self._applying = asyncio.Lock()
        self._retired = False
        self._lease_until = 0.0
        self._swept_at = 0.0
        self._position = Position()
        self._epoch = 0
        self._state: FeedState
        self._loader: Loader

    # -- life -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Claim the shard and begin to work, in the background: Postgres may be away. Safe to call again."""
        if not self._tasks:
            self._spawn(self._claim())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    @property
    def epoch(self) -> int:
        """The epoch of this owner; 0 before it has claimed the shard."""
        return self._epoch

    async def ready(self, wait_s: float = 0.2) -> bool:
        """Whether the shard is claimed and may answer; waits a little for it."""
        if not self._claimed.is_set():
            await self.start()
            try:
                await asyncio.wait_for(self._claimed.wait(), wait_s)
            except TimeoutError:
                return False
        return not self._retired and self._clock.monotonic() <= self._lease_until

    async def _claim(self) -> None:
        while not self._claimed.is_set():
            asked_at = self._clock.monotonic()
            try:
                async with self._pool.transaction(ordered=True) as conn:
                    await shards.place(conn, kind="feeds", owners=self._owners)
                    claim = await shards.claim(
                        conn, name=self._name, kind="feeds", lease_ms=self._settings.lease_ms
                    )
                    forgotten = await outbox.last_id(conn)
                    newest = await outbox.newest_status(conn)
                self._begin(claim, forgotten=forgotten, newest=newest, asked_at=asked_at)
            except Exception as error:
                log.warning("cannot claim the shard yet", shard=self._name, reason=repr(error))
                await asyncio.sleep(RETRY_S)

    def _begin(self, claim: shards.Claim, *, forgotten: int, newest: int, asked_at: float) -> None:
        self._epoch, self._position = claim.epoch, claim.position
        self._state = FeedState(
            shard=self._name,
            epoch=claim.epoch,
            slots=[slot for slot, owner in enumerate(self._owners) if owner == self._name],
            settings=self._settings,
            forgotten=forgotten,
            newest=newest,
        )
        self._loader = Loader(self._pool, self._state, length=self._settings.length_max)
        self._lease_until = asked_at + self._settings.lease_ms / 1000
        self._swept_at = asked_at
        for loop in (self._renew, self._sweep, self._publish, self._beat, self._prune):
            self._spawn(self._repeat(loop))
        self._claimed.set()
        log.info("shard claimed", shard=self._name, epoch=claim.epoch)

    async def _repeat(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run one step for ever. What fails is logged and tried again: a shard has nobody to raise to."""
        while not self._retired:
            try:
                await step()
            except SocialFlowError as error:
                log.warning("a shard's step failed", shard=self._name, step=step.__name__, reason=str(error))
                await asyncio.sleep(RETRY_S)
            except Exception:
                log.exception("a shard's step failed", shard=self._name, step=step.__name__)
                await asyncio.sleep(RETRY_S)

    async def stop(self) -> None:
        """Publish what is waiting, keep the position, and end."""
        if self._claimed.is_set() and not self._retired:
            try:
                await self._save()
            except SocialFlowError as error:
                log.warning("stopped without saving", shard=self._name, reason=str(error))
        await self.crash()

    async def crash(self) -> None:
        """End at once; whatever was not published or saved comes again from the outbox."""
        self._retired = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._claimed.is_set():
            await self._loader.stop()

    def _retire(self) -> None:
        if not self._retired:
            log.warning("a newer owner has this shard", shard=self._name, epoch=self._epoch)
            self._retired = True
            self._on_fenced()

    # -- loops ----------------------------------------------------------------------------------------------

    async def _renew(self) -> None:
        await asyncio.sleep(self._settings.lease_renew_ms / 1000)
        asked_at = self._clock.monotonic()
        async with self._pool.connection() as conn:
            kept = await shards.renew(
                conn, name=self._name, epoch=self._epoch, lease_ms=self._settings.lease_ms
            )
        if not kept:
            self._retire()
            return
        self._lease_until = asked_at + self._settings.lease_ms / 1000
        self._state.replicas.expire(asked_at)
        await self._save()

    async def _save(self) -> None:
        """Keep the position, once everything up to it is published."""
        position = self._position
        if await self._flush():
            async with self._pool.connection() as conn:
                if not await shards.save_position(
                    conn, name=self._name, epoch=self._epoch, position=position
                ):
                    self._retire()

    async def _sweep(self) -> None:
        await self.sweep()
        while self._state.tidy():  # noqa: ASYNC110 - only gives way to others
            await asyncio.sleep(0)
        await asyncio.sleep(self._settings.sweep_ms / 1000)

    async def sweep(self) -> None:
        """Apply everything that is committed and was not told. Raises Unavailable."""
        state = await self._open()
        async with self._sweeping:
            found = SWEEP_ROWS
            while found == SWEEP_ROWS:
                asked_at = self._clock.monotonic()
                async with self._pool.connection() as conn:
                    step = await outbox.sweep(conn, after=self._position, limit=SWEEP_ROWS)
                    missing = state.applied.missing(step.ids)
                    rows = (
                        await outbox.rows(conn, after=self._position, upto=step.position, ids=missing)
                        if missing
                        else []
                    )
                await self._mend(state, rows)
                # What is told meanwhile is applied once: only in here is it decided what is new.
                await self._events(state.swept(step.ids, rows))
                self._position = step.position
                found = len(step.ids)
            self._swept_at = asked_at

    async def _publish(self) -> None:
        await self._news.wait()
        await asyncio.sleep(self._settings.tick_ms / 1000)
        self._news.clear()
        if not await self._flush():
            await asyncio.sleep(HEARTBEAT_S)
            self._news.set()

    async def _beat(self) -> None:
        await asyncio.sleep(HEARTBEAT_S)
        await self._flush(beat=True)

    async def _flush(self, *, beat: bool = False) -> bool:
        """Publish all that waits, in order; False when the shard must be silent. What Valkey does not take
        is found missing by its replica, which asks."""
        async with self._publishing:
            if not self._may_speak():
                return False
            messages = self._state.replicas.take()
            if beat:
                messages += self._state.replicas.heartbeats()
            if messages:
                await self._bus.pipeline([("PUBLISH", CHANNEL + name, data) for name, data in messages])
            return True

    async def _prune(self) -> None:
        await asyncio.sleep(PRUNE_S)
        if self._owners[0] == self._name:
            async with self._pool.connection() as conn:
                upto = await shards.slowest(conn)
                pruned = PRUNE_ROWS
                while pruned == PRUNE_ROWS:
                    pruned = await outbox.prune(
                        conn, upto=upto, keep_s=self._settings.outbox_keep_s, limit=PRUNE_ROWS
                    )

    async def _events(self, slices: Iterator[None]) -> None:
        """Apply events, one teller or sweep at a time, letting reads in between slices."""
        async with self._applying:
            for _ in slices:
                self._wake()
                await asyncio.sleep(0)
        self._wake()

    def _wake(self) -> None:
        """Let those go to work whom events gave some."""
        if self._state.replicas.waiting:
            self._news.set()
        self._loader.reload()

    # -- what handles ask -----------------------------------------------------------------------------------

    def _may_speak(self) -> bool:
        now = self._clock.monotonic()
        return not self._retired and now <= self._lease_until and now - self._swept_at <= NEWS_S_MAX

    async def _open(self) -> FeedState:
        if not await self.ready():
            raise Unavailable(f"shard {self._name} does not answer reads")
        return self._state

    async def read(self, asks: Sequence[Ask], *, cold: bool = False) -> list[Answer | None]:
        """Parts of home feeds. Cold ones are None, or loaded first with `cold`. Raises Unavailable."""
        state = await self._open()
        if cold:
            await self._loader.load([ask[0] for ask in asks])
        answers: list[Answer | None] = []
        for account_id, limit, max_id, since_id, min_id in asks:
            part = state.home(account_id, Window(limit, max_id, since_id, min_id))
            answers.append(None if part is None else (part.ids, part.floor))
        return answers

    async def apply(self, payload: bytes) -> None:
        """Rows that were just committed: a JSON list of OutboxRow.wire(). Raises Unavailable."""
        state = await self._open()
        rows = [OutboxRow.from_wire(wire) for wire in orjson.loads(payload) if wire[1] in EVENTS]
        await self._mend(state, rows)
        await self._events(state.told(rows))

    async def _mend(self, state: FeedState, rows: Sequence[OutboxRow]) -> None:
        """Apply what was posted before these rows and has not arrived. Raises Unavailable."""
        if state.chain.broken_by(rows):
            async with self._pool.connection() as conn:
                missed = await outbox.posted(conn, after=self._position, above=state.chain.newest)
            await self._events(state.told(missed))

    async def register(self, replica: str, *, primary: bool) -> None:
        """Know a replica for another `replica_ttl_s`. Raises Unavailable, Overloaded."""
        state = await self._open()
        state.replicas.register(replica, primary=primary, now=self._clock.monotonic())
        self._news.set()

    async def watch(self, replica: str, account_ids: Sequence[int]) -> list[HeadWire]:
        """Tell a replica about these accounts from now on; returns the heads of their feeds, read in the
        same step. Raises Unavailable, Overloaded."""
        state = await self._open()
        # Loading takes turns with events, which may drop a feed that was loaded a moment ago.
        for _ in range(WATCH_ATTEMPTS):
            await self._loader.load(account_ids)
            if all(state.loaded(account_id) for account_id in account_ids):
                break
        else:
            raise Unavailable("these feeds change faster than they can be loaded")
        now = self._clock.monotonic()
        for account_id in account_ids:
            state.replicas.watch(replica, account_id, now=now)
        sequence = state.replicas.cut(replica) if account_ids else 0
        self._news.set()
        return [self._head(account_id, sequence) for account_id in account_ids]

    def _head(self, account_id: int, sequence: int) -> HeadWire:
        part = self._state.home(account_id, Window(self._settings.head_length))
        assert part is not None
        floor = part.ids[-1] if len(part.ids) == self._settings.head_length else part.floor
        return account_id, part.ids, floor, self._name, self._epoch, sequence

    async def unwatch(self, replica: str, account_ids: Sequence[int]) -> None:
        """Stop telling a replica about these accounts. Raises Unavailable."""
        state = await self._open()
        state.replicas.unwatch(replica, account_ids)

    async def catch_up(self, replica: str, *, epoch: int, after: int) -> list[bytes] | None:
        """The batches of `epoch` after a sequence, or None when they are gone. Raises Unavailable."""
        state = await self._open()
        missed = state.replicas.history(replica, epoch=epoch, after=after)
        self._news.set()
        return missed

    async def stats(self) -> dict[str, Any]:
        """Sizes and health, for operators and benches; never refuses."""
        if not self._claimed.is_set():
            return {"shard": self._name, "ready": False}
        return {
            "shard": self._name,
            "ready": await self.ready(),
            "pid": os.getpid(),
            "epoch": self._epoch,
            "swept_ago_s": self._clock.monotonic() - self._swept_at,
            "swept_to": [self._position.tx, self._position.id],
            **self._state.stats(),
        }
