"""Loads cold feeds from Postgres for a shard: many at a time, each once however many ask, a few at once."""

import asyncio
from collections.abc import Iterable, Sequence

from actors.states.feed import FeedState
from cluster.errors import Overloaded, SocialFlowError, Unavailable
from cluster.observe import logger
from db.pages import Window
from db.pool import Connection, Pool
from db.queries import feeds

WORKERS = 3  # loads at once; Postgres shares the machine's cores with everybody else
BATCH = 32  # feeds of one load: one snapshot, one query per round
QUEUE_MAX = 300_000  # feeds waiting to be loaded; beyond, readers are told to come back
RETRY_S = 0.2  # before a watched feed that could not be loaded is tried again

log = logger("feeds")


class Loader:
    """Brings feeds into a FeedState. Whoever asks waits for the same load; nobody's going away stops it."""

    def __init__(self, pool: Pool, state: FeedState, *, length: int) -> None:
        self._pool = pool
        self._state = state
        self._window = Window(length)
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._queue: asyncio.Queue[int] = asyncio.Queue()
        self._workers: list[asyncio.Task[None]] = []

    async def load(self, account_ids: Iterable[int]) -> None:
        """Return when all these feeds are loaded. Raises Unavailable, Overloaded."""
        cold = {account_id for account_id in account_ids if not self._state.loaded(account_id)}
        if cold:
            if len(self._waiting) + len(cold) > QUEUE_MAX:
                raise Overloaded("too many feeds are waiting to be loaded")
            await asyncio.gather(*(asyncio.shield(self._ask(account_id)) for account_id in cold))

    def reload(self) -> None:
        """Load the watched feeds that were dropped."""
        while self._state.reloads:
            self._ask(self._state.reloads.pop())

    def _ask(self, account_id: int) -> "asyncio.Future[None]":
        future = self._waiting.get(account_id)
        if future is None:
            future = asyncio.get_running_loop().create_future()
            # Errors of loads that nobody waits for any more are not news.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._waiting[account_id] = future
            self._queue.put_nowait(account_id)
            if len(self._workers) < WORKERS:
                self._workers.append(asyncio.create_task(self._work()))
        return future

    async def stop(self) -> None:
        """End the workers and refuse whoever waits."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(Unavailable("the shard stops"))

    async def _work(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await self._load(batch)
            except SocialFlowError as error:
                self._fail(batch, error)
            except Exception:
                log.exception("a load failed")
                self._fail(batch, Unavailable("a feed could not be loaded"))

    async def _load(self, batch: Sequence[int]) -> None:
        """Load until every feed of the batch is in; one that was changed meanwhile goes again."""
        batch = [account_id for account_id in batch if not self._loaded(account_id)]
        while batch:
            for account_id in batch:
                self._state.begin(account_id)
            async with (
                self._pool.connection() as conn,
                conn.transaction(isolation="repeatable_read", readonly=True),
            ):
                followed, ids = await self._read(conn, batch)
            batch = [account_id for account_id in batch if not self._finish(account_id, followed, ids)]

    async def _read(
        self, conn: Connection, batch: Sequence[int]
    ) -> tuple[dict[int, feeds.Follows], dict[int, list[int]]]:
        followed = await feeds.follows_of(conn, account_ids=batch)
        return followed, await feeds.homes(conn, follows=followed, window=self._window)

    def _finish(self, account_id: int, followed: dict[int, feeds.Follows], ids: dict[int, list[int]]) -> bool:
        follows = followed[account_id]
        done = self._state.finish(
            account_id, targets=follows.targets, quiet=follows.quiet, ids=ids[account_id]
        )
        if done:
            self._settle(account_id, None)
        return done

    def _loaded(self, account_id: int) -> bool:
        if self._state.loaded(account_id):
            self._settle(account_id, None)
            return True
        return False

    def _settle(self, account_id: int, error: SocialFlowError | None) -> None:
        future = self._waiting.pop(account_id, None)
        if future is not None and not future.done():
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

    def _fail(self, batch: Sequence[int], error: SocialFlowError) -> None:
        """Tell those who wait; feeds that somebody watches are tried again, and their log goes on."""
        watched = [who for who in batch if who in self._state.loads and self._state.replicas.is_watched(who)]
        for account_id in batch:
            self._settle(account_id, error)
            if account_id in self._state.loads and account_id not in watched:
                self._state.loads.finish(account_id)
        if watched:
            asyncio.get_running_loop().call_later(RETRY_S, self._again, watched)

    def _again(self, account_ids: Sequence[int]) -> None:
        self._state.reloads.extend(account_ids)
        self.reload()
