"""The inbox over a channel and shards that a test holds in its hand."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import orjson
import pytest

from actors.ports import Head
from api.inbox import Inbox
from cluster.clock import ManualClock
from cluster.errors import Unavailable
from cluster.events import Batch, Delivery, OutboxRow, StatusTouched
from cluster.settings import Feeds as FeedSettings
from cluster.settings import Settings

SHARD = "feeds-0"


class Channel:
    """Stands for the bus: yields what the test says."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def subscribe(self, channels: Sequence[str]) -> AsyncGenerator[tuple[str, bytes | None]]:
        yield channels[0], None
        while True:
            yield channels[0], await self.messages.get()


class Shards:
    """Stands for the feed shards: notes every call, fails when told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[int, ...]]] = []
        self.down = False
        self.history: list[Batch] | None = []
        self.epoch = 1

    def _note(self, name: str, account_ids: Sequence[int] = ()) -> None:
        self.calls.append((name, tuple(account_ids)))
        if self.down:
            raise Unavailable

    async def register(self, *, replica: str, primary: bool) -> None:
        self._note("register")

    async def watch(self, *, replica: str, account_ids: Sequence[int]) -> list[Head]:
        await asyncio.sleep(0.005)
        self._note("watch", account_ids)
        return [Head(account_id, (account_id,), 0, SHARD, self.epoch, 0) for account_id in account_ids]

    async def unwatch(self, *, replica: str, account_ids: Sequence[int]) -> None:
        self.calls.append(("unwatch", tuple(account_ids)))

    async def catch_up(self, *, replica: str, shard: str, epoch: int, after: int) -> list[Batch] | None:
        self._note("catch_up", (after,))
        return self.history

    def named(self, name: str) -> list[tuple[int, ...]]:
        return [arguments for called, arguments in self.calls if called == name]


class Listener:
    """Remembers the ids of rows, and losses as their shard's name."""

    def __init__(self) -> None:
        self.heard: list[int | str] = []

    def on_delivery(self, delivery: Delivery, batch: Batch) -> None:
        self.heard.append(delivery.row.id)

    def on_loss(self, shard: str) -> None:
        self.heard.append(shard)


class World:
    def __init__(self) -> None:
        self.channel, self.shards, self.listener, self.clock = Channel(), Shards(), Listener(), ManualClock()
        self.inbox = Inbox(
            settings=Settings(feeds=FeedSettings(shards=1)),
            bus=self.channel,  # type: ignore[arg-type]
            feeds=self.shards,  # type: ignore[arg-type]
            clock=self.clock,
            replica="r1",
        )
        self.inbox.add_listener(self.listener)

    async def say(self, sequence: int, *rows: int, epoch: int = 1) -> None:
        batch = Batch(SHARD, epoch, sequence, tuple(delivery(row) for row in rows))
        self.channel.messages.put_nowait(orjson.dumps(batch.wire()))
        await asyncio.sleep(0.02)


def delivery(row: int) -> Delivery:
    return Delivery(OutboxRow(row, StatusTouched(row, 1)), primary=True)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.inbox.open()
    yield world
    await world.inbox.close()


async def test_a_replica_registers_and_hears_rows_in_order(world: World) -> None:
    await world.say(1, 10, 11)
    await world.say(2, 12)
    assert world.shards.named("register")
    assert world.listener.heard == [10, 11, 12]


async def test_a_gap_is_filled_from_the_shard(world: World) -> None:
    await world.say(1, 10)
    world.shards.history = [Batch(SHARD, 1, 2, (delivery(11),)), Batch(SHARD, 1, 3, (delivery(12),))]
    await world.say(3, 12)
    assert world.shards.named("catch_up") == [(1,)]
    assert world.listener.heard == [10, 11, 12]


async def test_a_heartbeat_shows_a_lost_tail(world: World) -> None:
    await world.say(1, 10)
    world.shards.history = [Batch(SHARD, 1, 2, (delivery(11),))]
    await world.say(2)
    assert world.listener.heard == [10, 11]


async def test_history_that_is_gone_is_a_loss_and_later_news_still_come(world: World) -> None:
    await world.say(1, 10)
    world.shards.history = None
    await world.say(5, 14)
    assert world.listener.heard == [10, SHARD, 14]
    await world.say(6, 15)
    assert world.listener.heard[-1] == 15


async def test_an_unreadable_message_does_not_deafen_the_replica(world: World) -> None:
    for message in (b"", b"{}", b"[1]", b'["feeds-0",1,1,[[1,"unknown",[],[],true]]]'):
        world.channel.messages.put_nowait(message)
    await world.say(1, 10)
    assert world.listener.heard == [10]


async def test_a_listener_that_fails_does_not_keep_the_news_from_others(world: World) -> None:
    class Broken(Listener):
        def on_delivery(self, delivery: Delivery, batch: Batch) -> None:
            raise RuntimeError("broken")

    world.inbox.add_listener(Broken())
    last = Listener()
    world.inbox.add_listener(last)
    await world.say(1, 10)
    assert world.listener.heard == last.heard == [10]


async def test_news_are_fresh_for_a_second(world: World) -> None:
    assert not world.inbox.fresh()
    await world.say(0)
    assert world.inbox.fresh()
    assert world.inbox.fresh(SHARD)
    assert not world.inbox.fresh("feeds-7")
    world.clock.advance(0.9)
    assert world.inbox.fresh()
    world.clock.advance(0.2)
    assert not world.inbox.fresh()
    await world.say(0)
    assert world.inbox.fresh()


async def test_watches_of_one_tick_share_a_call_and_references_are_counted(world: World) -> None:
    heads = await asyncio.gather(*(world.inbox.watch([number % 3, 7]) for number in range(9)))
    assert [[head.account_id for head in pair] for pair in heads] == [[n % 3, 7] for n in range(9)]
    assert [sorted(call) for call in world.shards.named("watch")] == [[0, 1, 2, 7]]
    for _ in range(8):
        world.inbox.unwatch([7])
    await asyncio.sleep(0.02)
    assert not world.shards.named("unwatch")
    world.inbox.unwatch([7])
    await asyncio.sleep(0.02)
    assert world.shards.named("unwatch") == [(7,)]


async def test_watches_that_come_while_a_call_runs_share_the_next(world: World) -> None:
    first = asyncio.create_task(world.inbox.watch([1]))
    await asyncio.sleep(0.002)
    others = [asyncio.create_task(world.inbox.watch([number])) for number in (2, 3, 4)]
    await asyncio.gather(first, *others)
    assert world.shards.named("watch") == [(1,), (2, 3, 4)]


async def test_a_caller_that_goes_away_leaves_the_others_their_heads(world: World) -> None:
    leaving = asyncio.create_task(world.inbox.watch([1]))
    staying = asyncio.create_task(world.inbox.watch([1, 2]))
    await asyncio.sleep(0)
    leaving.cancel()
    assert [head.account_id for head in await staying] == [1, 2]
    world.inbox.unwatch([1])
    await asyncio.sleep(0.02)
    assert world.shards.named("unwatch") == [(1,)]


async def test_a_failed_watch_holds_nothing(world: World) -> None:
    world.shards.down = True
    with pytest.raises(Unavailable):
        await world.inbox.watch([5])
    world.shards.down = False
    await asyncio.sleep(0.02)
    assert world.shards.named("unwatch") == [(5,)]
    assert [head.account_id for head in await world.inbox.watch([5])] == [5]


async def test_a_shard_that_starts_anew_is_told_again_who_is_watched(world: World) -> None:
    await world.say(0)
    await world.inbox.watch([1, 2])
    world.shards.epoch = 2
    world.channel.messages.put_nowait(orjson.dumps(Batch(SHARD, 2, 0).wire()))
    await asyncio.sleep(0.002)
    assert not world.inbox.fresh()  # until every account is watched again
    await asyncio.sleep(0.03)
    assert world.shards.named("watch") == [(1, 2), (1, 2)]
    assert world.listener.heard == [SHARD, SHARD]
    assert world.inbox.fresh()
    await world.say(1, 20, epoch=2)
    assert world.listener.heard[-1] == 20


async def test_a_silent_shard_is_registered_with_until_it_answers(world: World) -> None:
    await world.say(0)
    await asyncio.sleep(0.3)
    before = len(world.shards.named("register"))
    await asyncio.sleep(0.3)
    assert len(world.shards.named("register")) == before
    world.clock.advance(2)
    await asyncio.sleep(0.3)
    assert len(world.shards.named("register")) > before
