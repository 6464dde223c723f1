import asyncio
from collections.abc import Sequence

import pytest

from api.caching import Cache, Cached


class Value(Cached):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class Source:
    """Rows that a test changes, behind loads that it can hold up between reading and answering."""

    def __init__(self) -> None:
        self.rows: dict[int, str] = {key: f"{key} v1" for key in range(100)}
        self.loads: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, keys: Sequence[int]) -> dict[int, Value]:
        self.loads.append(sorted(keys))
        read = {key: Value(self.rows[key]) for key in keys if key in self.rows}
        await self.gate.wait()
        return read


def cache_of(source: Source, *, size_max: int = 50, trusted: bool = True) -> Cache[Value]:
    return Cache(source.load, size_max=size_max, trusted=lambda: trusted)


async def test_misses_of_one_tick_share_one_query_and_hits_need_none() -> None:
    source = Source()
    cache = cache_of(source)
    await asyncio.gather(cache.get_many([1, 2]), cache.get_many([2, 3]), cache.get_many([4]))
    found = await cache.get_many([1, 2, 3, 4])
    assert source.loads == [[1, 2, 3, 4]]
    assert {key: value.text for key, value in found.items()} == {key: f"{key} v1" for key in (1, 2, 3, 4)}


async def test_a_reader_joins_a_load_that_is_under_way() -> None:
    source = Source()
    cache = cache_of(source)
    source.gate.clear()
    first = asyncio.create_task(cache.get_many([1]))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(cache.get_many([1]))
    await asyncio.sleep(0.01)
    source.gate.set()
    assert (await first)[1] is (await second)[1]
    assert source.loads == [[1]]


async def test_a_load_that_began_before_the_change_is_not_stored_after_it() -> None:
    source = Source()
    cache = cache_of(source)
    source.gate.clear()
    early = asyncio.create_task(cache.get_many([1]))
    await asyncio.sleep(0.01)
    source.rows[1] = "1 v2"
    cache.forget(1)
    late = asyncio.create_task(cache.get_many([1]))
    await asyncio.sleep(0.01)
    source.gate.set()
    assert (await late)[1].text == "1 v2"
    assert not (await early)[1].fresh
    assert (await cache.get_many([1]))[1].text == "1 v2"


async def test_clearing_cuts_off_loads_under_way() -> None:
    source = Source()
    cache = cache_of(source)
    source.gate.clear()
    early = asyncio.create_task(cache.get_many([1]))
    await asyncio.sleep(0.01)
    source.rows[1] = "1 v2"
    cache.clear()
    source.gate.set()
    await early
    assert (await cache.get_many([1]))[1].text == "1 v2"


async def test_without_trust_every_read_asks_and_nothing_is_kept() -> None:
    source = Source()
    cache = cache_of(source, trusted=False)
    await cache.get_many([1])
    source.rows[1] = "1 v2"
    assert (await cache.get_many([1]))[1].text == "1 v2"
    assert len(cache) == 0


async def test_trust_lost_during_a_load_keeps_its_result_out() -> None:
    source = Source()
    trusted = True
    cache: Cache[Value] = Cache(source.load, size_max=50, trusted=lambda: trusted)
    source.gate.clear()
    reading = asyncio.create_task(cache.get_many([1]))
    await asyncio.sleep(0.01)
    trusted = False
    source.gate.set()
    assert not (await reading)[1].fresh
    assert 1 not in cache


async def test_the_cache_is_bounded_and_keeps_what_is_used() -> None:
    source = Source()
    gone: list[int] = []
    cache: Cache[Value] = Cache(source.load, size_max=10, trusted=lambda: True, evicted=gone.extend)
    for key in range(60):
        await cache.get_many([0, key])
        assert len(cache) <= 10
    assert 0 in cache
    assert sum(loaded.count(0) for loaded in source.loads) == 1
    assert set(gone).isdisjoint(key for key in range(60) if key in cache)
    assert len(set(gone)) + len(cache) == 60


async def test_absent_keys_are_left_out_and_asked_again() -> None:
    source = Source()
    cache = cache_of(source)
    assert await cache.get_many([500]) == {}
    source.rows[500] = "born"
    assert (await cache.get_many([500]))[500].text == "born"


async def test_a_reader_who_hangs_up_does_not_take_the_answer_from_others() -> None:
    source = Source()
    cache = cache_of(source)
    source.gate.clear()
    first = asyncio.create_task(cache.get_many([1]))
    second = asyncio.create_task(cache.get_many([1]))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0)
    source.gate.set()
    assert (await second)[1].text == "1 v1"


async def test_a_failed_load_fails_its_readers_and_is_tried_again() -> None:
    calls = 0

    async def load(keys: Sequence[int]) -> dict[int, Value]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("down")
        return {key: Value("up") for key in keys}

    cache: Cache[Value] = Cache(load, size_max=10, trusted=lambda: True)
    with pytest.raises(RuntimeError):
        await cache.get_many([1])
    assert (await cache.get_many([1]))[1].text == "up"
