"""Group commit: writes that arrive while a commit is under way share the next one.

Whatever posts, reacts, edits or deletes goes through here. One transaction under the order lock carries the
rows, notifications and outbox rows of all of them; then the shards are told, then everybody is answered.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import asyncpg

from actors.ports import Feeds
from api.notify import NotificationDraft, notify
from cluster.errors import Conflict, NotFound, Overloaded, SocialFlowError, Unavailable
from cluster.events import Event, OutboxRow
from cluster.settings import Statuses
from db.pool import Connection, Pool
from db.queries import outbox

I = TypeVar("I")  # noqa: E741 - an item; R: its result
R = TypeVar("R")

ATTEMPTS_MAX = 3  # of one write that met a deadlock: others may lock the same counts in another order
LISTENER = Callable[[Event], None]


@dataclass(slots=True)
class Written(Generic[R]):
    """What a writer did: one result per item, what happened, and who may want to know."""

    results: Sequence[R]
    events: list[Event] = field(default_factory=list)
    notifications: list[NotificationDraft] = field(default_factory=list)


Writer = Callable[[Connection, Sequence[I]], Awaitable[Written[R]]]
"""Writes items of one kind inside a transaction under the order lock. If it raises, nothing was written and
each item is tried alone: then its error is the answer to that item only."""


class _Job:
    """Items of one caller, who waits for `done`."""

    __slots__ = ("done", "items", "writer")

    def __init__(self, writer: Writer[Any, Any], items: Sequence[Any]) -> None:
        self.writer = writer
        self.items = items
        self.done: asyncio.Future[Sequence[Any]] = asyncio.get_running_loop().create_future()

    def succeed(self, results: Sequence[Any]) -> None:
        if not self.done.done():  # a caller who left is no reason to stop: the write stands
            self.done.set_result(results)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Committer:
    """The one writer of this replica. At most one transaction is open; tellings overlap with the next one.

    `listeners` hear every committed event before the caller is answered, so that this replica's caches
    never show a caller the world before his own write.
    """

    def __init__(
        self, *, pool: Pool, feeds: Feeds, limits: Statuses, listeners: Sequence[LISTENER] = ()
    ) -> None:
        self._pool = pool
        self._feeds = feeds
        self._limits = limits
        self._listeners = tuple(listeners)
        self._jobs: list[_Job] = []
        self._waiting = 0
        self._task: asyncio.Task[None] | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def submit(self, writer: Writer[I, R], item: I) -> R:
        """Write one item; durable and told to the shards when this returns.

        Raises Overloaded when too many wait, Unavailable without a database (then the write may still have
        happened), and whatever `writer` raises for this item. A cancelled caller's write still happens.
        """
        self._admit(1)
        results: Sequence[R] = await self._enqueue(writer, (item,)).done
        return results[0]

    async def submit_many(self, writer: Writer[I, R], items: Sequence[I]) -> list[R]:
        """Write items in order, a commit for every `statuses.commit_batch_max` of them."""
        self._admit(len(items))
        step = self._limits.commit_batch_max
        jobs = [self._enqueue(writer, items[at : at + step]) for at in range(0, len(items), step)]
        parts = await asyncio.gather(*(job.done for job in jobs))
        return [result for part in parts for result in part]

    async def close(self) -> None:
        """Wait for what was accepted."""
        while self._task is not None or self._answering:
            await asyncio.wait([task for task in (self._task, *self._answering) if task is not None])

    def _admit(self, count: int) -> None:
        if self._waiting and self._waiting + count > self._limits.commit_queue_max:
            raise Overloaded("too many posts are waiting to be written; retry shortly")

    def _enqueue(self, writer: Writer[Any, Any], items: Sequence[Any]) -> _Job:
        job = _Job(writer, items)
        self._jobs.append(job)
        self._waiting += len(items)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        return job

    async def _run(self) -> None:
        try:
            await asyncio.sleep(0)  # whoever asks in the same tick joins
            while self._jobs:
                batch = self._take()
                try:
                    await self._commit(batch)
                except Exception as error:  # nobody is left waiting, whatever went wrong
                    for job in batch:
                        job.fail(error)
        finally:
            self._task = None

    def _take(self) -> list[_Job]:
        size = taken = 0
        for job in self._jobs:
            if taken and size + len(job.items) > self._limits.commit_batch_max:
                break
            size += len(job.items)
            taken += 1
        batch, self._jobs = self._jobs[:taken], self._jobs[taken:]
        self._waiting -= size
        return batch

    async def _commit(self, batch: list[_Job]) -> None:
        try:
            results, rows = await self._write([(job.writer, job.items) for job in batch])
        except (Unavailable, Overloaded) as error:
            for job in batch:
                job.fail(error)
        except Exception as error:
            await self._apart(batch, error)
        else:
            self._answer(batch, results, rows)

    async def _apart(self, batch: list[_Job], error: Exception) -> None:
        """One of these writes is bad: find out which, so that the others happen."""
        if len(batch) == 1 and len(batch[0].items) == 1 and not isinstance(error, _CLASHES):
            batch[0].fail(_explained(error))
            return
        for job in batch:
            results: list[Any] = []
            rows: list[OutboxRow] = []
            failure: Exception | None = None
            for item in job.items:
                try:
                    written, told = await self._write_patiently(job.writer, item)
                except Exception as reason:
                    failure = _explained(reason)
                else:
                    results.append(written)
                    rows.extend(told)
            if failure is not None:
                job.fail(failure)
            self._answer([job], [results], rows)

    async def _write_patiently(self, writer: Writer[I, R], item: I) -> tuple[R, list[OutboxRow]]:
        for _ in range(ATTEMPTS_MAX - 1):
            try:
                results, rows = await self._write([(writer, (item,))])
            except _CLASHES:
                continue
            return results[0][0], rows
        results, rows = await self._write([(writer, (item,))])
        return results[0][0], rows

    async def _write(
        self, work: Sequence[tuple[Writer[Any, Any], Sequence[Any]]]
    ) -> tuple[list[Sequence[Any]], list[OutboxRow]]:
        """One transaction; the results in the order of `work`, and what the shards must be told."""
        kinds: dict[Writer[Any, Any], list[Any]] = {}
        for writer, items in work:
            kinds.setdefault(writer, []).extend(items)
        events: list[Event] = []
        notifications: list[NotificationDraft] = []
        results: dict[Writer[Any, Any], list[Any]] = {}
        async with self._pool.transaction(ordered=True) as conn:
            for writer, items in kinds.items():
                written = await writer(conn, items)
                results[writer] = list(written.results)
                events.extend(written.events)
                notifications.extend(written.notifications)
            events.extend(await notify(conn, drafts=notifications))
            rows = await outbox.append(conn, events=events)
        cursors = dict.fromkeys(kinds, 0)
        parts: list[Sequence[Any]] = []
        for writer, items in work:
            at = cursors[writer]
            cursors[writer] = at + len(items)
            parts.append(results[writer][at : at + len(items)])
        return parts, rows

    def _answer(self, batch: list[_Job], results: Sequence[Sequence[Any]], rows: list[OutboxRow]) -> None:
        for row in rows:
            for listener in self._listeners:
                listener(row.event)
        task = asyncio.get_running_loop().create_task(self._tell(batch, results, rows))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _tell(self, batch: list[_Job], results: Sequence[Sequence[Any]], rows: list[OutboxRow]) -> None:
        try:
            if rows:
                await self._feeds.tell(rows)
        finally:
            for job, part in zip(batch, results, strict=True):
                job.succeed(part)


_CLASHES = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


def _explained(error: Exception) -> Exception:
    """A database's refusal in our words: what a write refers to may have gone while it waited."""
    if isinstance(error, SocialFlowError):
        return error
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        reason: SocialFlowError = NotFound()
    elif isinstance(error, (asyncpg.IntegrityConstraintViolationError, *_CLASHES)):
        reason = Conflict()
    else:
        return error
    reason.__cause__ = error
    return reason
