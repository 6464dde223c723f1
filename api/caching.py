"""A bounded cache in front of a batch query: misses of one tick share it, concurrent misses share a load.

The race that matters: a load begins, the row changes, the load ends and stores what is old already. `forget`
therefore cuts a running load off from the key: its result still answers those who waited, but is not stored,
and later readers start a load of their own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar


class Cached:
    """Base of what a cache holds. `fresh` turns false when the value must not be used any more."""

    __slots__ = ("fresh",)

    def __init__(self) -> None:
        self.fresh = True


V = TypeVar("V", bound=Cached)


class _Load(Generic[V]):
    """One query under way, for all keys that were asked for in one tick."""

    __slots__ = ("keys", "task")

    def __init__(self) -> None:
        self.keys: dict[int, None] = {}
        self.task: asyncio.Task[dict[int, V]]


class Cache(Generic[V]):
    """Values by id. Keeps at most `size_max`, in two halves: what was not used while the younger half filled
    up is dropped with the older one, so that a hit in the younger costs a dictionary lookup and nothing else.

    `trusted` says whether changes reach us now; while it is false nothing is answered from the cache and
    nothing is stored. A value that `load` returns with `fresh` false is answered and not stored.
    """

    def __init__(
        self,
        load: Callable[[Sequence[int]], Awaitable[dict[int, V]]],
        *,
        size_max: int,
        trusted: Callable[[], bool],
        evicted: Callable[[Sequence[int]], None] | None = None,
    ) -> None:
        self._load = load
        self._half = max(1, size_max // 2)
        self._trusted = trusted
        self._evicted = evicted
        self._young: dict[int, V] = {}
        self._old: dict[int, V] = {}
        self._loading: dict[int, _Load[V]] = {}
        self._open: _Load[V] | None = None

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def __contains__(self, key: int) -> bool:
        return key in self._young or key in self._old

    def peek(self, key: int) -> V | None:
        """The stored value, whether or not it can be trusted now."""
        value = self._young.get(key)
        if value is None and key in self._old:
            value = self._old.pop(key)
            self._keep(key, value)
        return value

    async def get_many(self, keys: Iterable[int]) -> dict[int, V]:
        """The values that exist; absent keys are left out."""
        found: dict[int, V] = {}
        waits: dict[int, _Load[V]] = {}
        trusted = self._trusted()
        for key in keys:
            value = self.peek(key) if trusted else None
            if value is None:
                waits[key] = self._loading.get(key) or self._begin(key)
            else:
                found[key] = value
        for load in set(waits.values()):
            # Shielded: one reader who hangs up must not take the answer from the others.
            loaded = await asyncio.shield(load.task)
            found.update((key, loaded[key]) for key in waits if key in loaded)
        return found

    def forget(self, key: int) -> None:
        """The row changed: drop its value, and do not store what a load that runs now will bring."""
        for half in (self._young, self._old):
            value = half.pop(key, None)
            if value is not None:
                value.fresh = False
        self._loading.pop(key, None)

    def clear(self) -> None:
        """Anything may have changed."""
        for half in (self._young, self._old):
            for value in half.values():
                value.fresh = False
            half.clear()
        self._loading.clear()

    def _begin(self, key: int) -> _Load[V]:
        load = self._open
        if load is None:
            load = self._open = _Load()
            load.task = asyncio.get_running_loop().create_task(self._run(load))
            load.task.add_done_callback(_retrieve)
        load.keys[key] = None
        self._loading[key] = load
        return load

    async def _run(self, load: _Load[V]) -> dict[int, V]:
        await asyncio.sleep(0)  # the rest of this tick's readers join
        self._open = None
        trusted = self._trusted()
        try:
            loaded = await self._load(list(load.keys))
        except BaseException:
            for key in load.keys:
                if self._loading.get(key) is load:
                    del self._loading[key]
            raise
        trusted = trusted and self._trusted()
        for key in load.keys:
            current = self._loading.get(key) is load
            if current:
                del self._loading[key]
            value = loaded.get(key)
            if value is None:
                continue
            if current and trusted and value.fresh:
                self._keep(key, value)
            else:
                value.fresh = False
        return loaded

    def _keep(self, key: int, value: V) -> None:
        if len(self._young) >= self._half:
            dropped, self._old, self._young = self._old, self._young, {}
            if self._evicted is not None and dropped:
                self._evicted(list(dropped))
        self._old.pop(key, None)
        self._young[key] = value


def _retrieve(task: asyncio.Task[dict[int, V]]) -> None:
    """Readers get the error; when all of them hung up, it is no news for the log."""
    if not task.cancelled():
        task.exception()
