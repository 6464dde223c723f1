"""The Feeds port over a transport that the test controls: routes, batches, retries, deadlines, silence."""

import asyncio
from typing import Any

import orjson
import pytest

from actors.routed_feeds import RoutedFeeds
from cluster.errors import Overloaded, Unavailable
from cluster.events import OutboxRow, StatusTouched
from cluster.settings import Feeds, Settings
from cluster.sharding import assign, slot_of
from db.pages import Window

OWNERS = assign(("feeds-0", "feeds-1"))
PEOPLE = range(1, 9)


class Shards:
    """Answers reads with the account's own id; fails as often as it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]] = []
        self.failures: list[Exception] = []
        self.cold: set[int] = set()
        self.hang = False

    async def call(self, shard: str, method: str, *args: Any, timeout_s: float, **kwargs: Any) -> Any:
        self.calls.append((shard, method, args, kwargs))
        if self.hang:
            await asyncio.sleep(timeout_s)
            raise Unavailable("late")
        if self.failures:
            raise self.failures.pop(0)
        if method == "read":
            answers = []
            for ask in args[0]:
                assert OWNERS[slot_of(ask[0])] == shard
                known = kwargs["cold"] or ask[0] not in self.cold
                answers.append(([ask[0]], ask[1]) if known else None)
            return answers
        if method == "watch":
            return [(account, [account], 0, shard, 1, 5) for account in args[1]]
        return None

    def named(self, method: str) -> list[tuple[str, str, tuple[Any, ...], dict[str, Any]]]:
        return [call for call in self.calls if call[1] == method]


@pytest.fixture
def shards() -> Shards:
    return Shards()


@pytest.fixture
def feeds(shards: Shards) -> RoutedFeeds:
    return RoutedFeeds(
        shards, settings=Settings(feeds=Feeds(shards=2, call_timeout_ms=50, nudge_wait_ms=20, queue_max=3))
    )


async def test_reads_of_one_tick_are_one_call_per_shard(feeds: RoutedFeeds, shards: Shards) -> None:
    people = list(PEOPLE)[:3]
    parts = await asyncio.gather(*(feeds.home(account_id=who, window=Window(7)) for who in people))
    assert [(part.ids, part.floor) for part in parts] == [((who,), 7) for who in people]
    assert len(shards.calls) == len({OWNERS[slot_of(who)] for who in people})


async def test_a_cold_feed_is_loaded_by_a_second_call(feeds: RoutedFeeds, shards: Shards) -> None:
    shards.cold = {1}
    assert (await feeds.home(account_id=1, window=Window())).ids == (1,)
    assert [call[3]["cold"] for call in shards.calls] == [False, True]


async def test_a_read_is_retried_once_and_then_refused_at_once_for_a_moment(
    feeds: RoutedFeeds, shards: Shards
) -> None:
    shards.failures = [Unavailable()]
    assert (await feeds.home(account_id=1, window=Window())).ids == (1,)
    shards.failures = [Unavailable(), Unavailable()]
    with pytest.raises(Unavailable):
        await feeds.home(account_id=1, window=Window())
    asked = len(shards.calls)
    with pytest.raises(Unavailable):
        await feeds.home(account_id=1, window=Window())
    assert len(shards.calls) == asked
    await asyncio.sleep(0.3)
    assert (await feeds.home(account_id=1, window=Window())).ids == (1,)


async def test_overload_is_not_answered_with_a_retry(feeds: RoutedFeeds, shards: Shards) -> None:
    shards.failures = [Overloaded()]
    with pytest.raises(Overloaded):
        await feeds.home(account_id=1, window=Window())
    assert len(shards.calls) == 1


async def test_telling_reaches_every_shard_once_and_never_raises(feeds: RoutedFeeds, shards: Shards) -> None:
    rows = [OutboxRow(number, StatusTouched(number, 1)) for number in (1, 2)]
    shards.failures = [Unavailable()]
    await feeds.tell(rows)
    await feeds.tell([])
    told = {call[0]: orjson.loads(call[2][0]) for call in shards.named("apply")}
    assert told == {name: [[1, "touched", [1, 1]], [2, "touched", [2, 1]]] for name in ("feeds-0", "feeds-1")}
    assert len(shards.calls) == 2


async def test_telling_waits_no_longer_than_it_may_and_gives_up_when_too_much_waits(
    feeds: RoutedFeeds, shards: Shards
) -> None:
    shards.hang = True
    rows = [OutboxRow(1, StatusTouched(1, 1))]
    began = asyncio.get_running_loop().time()
    await feeds.tell(rows)
    assert asyncio.get_running_loop().time() - began < 0.045
    for _ in range(10):
        await asyncio.wait_for(feeds.tell(rows), timeout=0.045)
    await feeds.close()


async def test_tellings_of_one_tick_are_one_payload(feeds: RoutedFeeds, shards: Shards) -> None:
    await asyncio.gather(*(feeds.tell([OutboxRow(number, StatusTouched(number, 1))]) for number in (1, 2)))
    assert [len(orjson.loads(call[2][0])) for call in shards.named("apply")] == [2, 2]


async def test_heads_come_in_the_order_asked(feeds: RoutedFeeds) -> None:
    heads = await feeds.watch(replica="r", account_ids=list(PEOPLE))
    assert [head.account_id for head in heads] == list(PEOPLE)
    assert {head.shard for head in heads} == {"feeds-0", "feeds-1"}
    assert heads[0].sequence == 5


async def test_registering_tells_every_shard_even_when_one_fails(feeds: RoutedFeeds, shards: Shards) -> None:
    shards.failures = [Unavailable(), Unavailable(), Unavailable()]
    with pytest.raises(Unavailable):
        await feeds.register(replica="r", primary=True)
    assert {call[0] for call in shards.named("register")} == {"feeds-0", "feeds-1"}


async def test_unwatching_never_raises(feeds: RoutedFeeds, shards: Shards) -> None:
    shards.failures = [Unavailable(), Unavailable()]
    await feeds.unwatch(replica="r", account_ids=list(PEOPLE))


async def test_stats_say_why_a_shard_does_not_answer(feeds: RoutedFeeds, shards: Shards) -> None:
    shards.failures = [Unavailable("frozen"), Unavailable("frozen")]
    assert [entry["reason"] for entry in await feeds.stats()] == ["frozen", "frozen"]
