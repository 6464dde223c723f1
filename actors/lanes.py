"""Gathers what many callers ask in one tick into one call, with a bound and without waiting for anybody.

A caller that goes away takes nothing with it: the batch runs in the lane's own task, and answers that nobody
waits for any more are dropped.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from cluster.errors import Overloaded

T = TypeVar("T")
R = TypeVar("R")


class Lane(Generic[T, R]):
    """Calls `call` with the items that wait, at most `batch_max` of them, at most `parallel` calls at once.
    `call` answers in the order of its items."""

    def __init__(
        self,
        call: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        batch_max: int,
        queue_max: int,
        parallel: int = 1,
    ) -> None:
        self._call = call
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._parallel = parallel
        self._queue: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._runs: set[asyncio.Task[None]] = set()
        self._running = 0

    def put(self, item: T) -> "asyncio.Future[R]":
        """The future answer to an item. Raises Overloaded when too many wait."""
        if len(self._queue) >= self._queue_max:
            raise Overloaded("too many calls to a shard are waiting")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_retrieve)
        self._queue.append((item, future))
        if self._running < self._parallel:
            self._running += 1
            # The task starts in the next round of the loop: everybody who asks in this one joins.
            run = asyncio.create_task(self._run())
            self._runs.add(run)
            run.add_done_callback(self._runs.discard)
        return future

    async def _run(self) -> None:
        try:
            while batch := self._take():
                await self._answer(batch)
        finally:
            # In the same step in which the queue was found empty: whoever comes next starts a new run.
            self._running -= 1

    async def _answer(self, batch: list[tuple[T, "asyncio.Future[R]"]]) -> None:
        try:
            answers = await self._call([item for item, _ in batch])
        except asyncio.CancelledError:
            _refuse(batch, Overloaded("the server is stopping"))
            raise
        except Exception as error:
            _refuse(batch, error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)

    def _take(self) -> list[tuple[T, "asyncio.Future[R]"]]:
        batch: list[tuple[T, asyncio.Future[R]]] = []
        while self._queue and len(batch) < self._batch_max:
            item, future = self._queue.popleft()
            if not future.done():
                batch.append((item, future))
        return batch

    async def close(self) -> None:
        """Give up: calls under way are abandoned, and whoever waits is refused."""
        runs = list(self._runs)
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        _refuse(list(self._queue), Overloaded("the server is stopping"))
        self._queue.clear()


def _refuse(batch: Sequence[tuple[T, "asyncio.Future[R]"]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)


def _retrieve(future: "asyncio.Future[R]") -> None:
    if not future.cancelled():
        future.exception()  # whoever asked may have gone: then nobody else looks at it
