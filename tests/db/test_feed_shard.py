"""A feed shard with real Postgres: claims, leases, sweeps, publishing, and Postgres being away."""

import asyncio
from collections.abc import AsyncIterator, Callable

import orjson
import pytest

from actors.feeds import FeedShard
from actors.local import LocalFeeds
from cluster.clock import ManualClock, SystemClock
from cluster.errors import Unavailable
from cluster.events import Batch, Delivery
from cluster.settings import Feeds, Postgres, Settings
from db.bus import Bus
from db.pages import Window
from db.pool import Pool
from db.queries import outbox, shards
from tests.db.feed_world import World, seed_posts
from tests.db.test_feed_law import ListBus

ONE_SHARD = Settings(feeds=Feeds(shards=1, sweep_ms=20, lease_renew_ms=50, lease_ms=500))


async def eventually(holds: Callable[[], bool], *, within_s: float = 5.0) -> None:
    deadline = asyncio.get_running_loop().time() + within_s
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, "it did not happen"
        await asyncio.sleep(0.01)


def deliveries(bus: ListBus, kind: str) -> list[Delivery]:
    return [d for batch in bus.batches for d in batch.deliveries if d.row.event.kind == kind]


@pytest.fixture
def bus() -> ListBus:
    return ListBus()


@pytest.fixture
async def feeds(pool: Pool, bus: ListBus) -> AsyncIterator[LocalFeeds]:
    feeds = LocalFeeds(settings=ONE_SHARD, pool=pool, bus=bus, clock=SystemClock())  # type: ignore[arg-type]
    await feeds.start()
    yield feeds
    await feeds.stop()


async def test_a_post_that_nobody_told_is_swept_into_feeds_and_to_watchers(
    feeds: LocalFeeds, pool: Pool, bus: ListBus
) -> None:
    world = World(pool)
    reader, author = await world.add_people(2)
    await world.follow(reader, author)
    (head,) = await feeds.watch(replica="r", account_ids=[reader])
    assert (head.ids, head.floor, head.sequence) == ((), 0, 0)
    await world.post(author)
    await eventually(lambda: bool(deliveries(bus, "posted")))
    assert list((await feeds.home(account_id=reader, window=Window())).ids) == world.home(reader)
    assert [d.audience for d in deliveries(bus, "posted")] == [(reader,)]


async def test_a_head_and_the_batches_after_it_are_the_whole_feed(
    feeds: LocalFeeds, pool: Pool, bus: ListBus
) -> None:
    world = World(pool)
    reader, author = await world.add_people(2)
    await world.follow(reader, author)
    await feeds.register(replica="r", primary=True)
    await feeds.watch(replica="r", account_ids=[author])
    posting = asyncio.create_task(_post_often(world, feeds, author))
    await asyncio.sleep(0.05)
    (head,) = await feeds.watch(replica="r", account_ids=[reader])
    await posting
    await eventually(lambda: len(deliveries(bus, "posted")) == 40)
    later = [
        d.row.event.status_id  # type: ignore[attr-defined]
        for batch in bus.batches
        if batch.sequence > head.sequence
        for d in batch.deliveries
        if reader in d.audience
    ]
    assert not set(later) & set(head.ids)
    assert sorted([*head.ids, *later], reverse=True) == world.home(reader)


async def _post_often(world: World, feeds: LocalFeeds, author: int) -> None:
    for _ in range(40):
        await feeds.tell(await world.post(author))


async def test_watched_feeds_hear_notifications_and_survive_a_change_of_follows(
    feeds: LocalFeeds, pool: Pool, bus: ListBus
) -> None:
    world = World(pool)
    reader, author = await world.add_people(2)
    await feeds.watch(replica="r", account_ids=[reader])
    await feeds.tell(await world.notify(reader))
    await feeds.tell(await world.follow(reader, author))
    await feeds.tell(await world.post(author))
    await eventually(lambda: bool(deliveries(bus, "posted")))
    for kind in ("notified", "relation", "posted"):
        assert [d.audience for d in deliveries(bus, kind)] == [(reader,)], kind


async def test_a_shard_speaks_every_quarter_second_even_when_there_is_no_news(
    feeds: LocalFeeds, bus: ListBus
) -> None:
    await feeds.register(replica="r", primary=True)
    await eventually(lambda: len(bus.batches) >= 4)
    assert all(batch == Batch("feeds-0", 1, 0) for batch in bus.batches)


async def test_a_restarted_shard_goes_on_where_the_last_one_was(pool: Pool, bus: ListBus) -> None:
    feeds = LocalFeeds(settings=ONE_SHARD, pool=pool, bus=bus, clock=SystemClock())  # type: ignore[arg-type]
    await feeds.start()
    world = World(pool)
    reader, author = await world.add_people(2)
    await world.follow(reader, author)
    await feeds.tell(await world.post(author))
    await feeds.shards["feeds-0"].sweep()
    await feeds.stop()
    await world.post(author)
    again = LocalFeeds(settings=ONE_SHARD, pool=pool, bus=bus, clock=SystemClock())  # type: ignore[arg-type]
    await again.start()
    await again.register(replica="r", primary=True)
    await eventually(lambda: bool(deliveries(bus, "posted")))
    assert [d.row.event.status_id for d in deliveries(bus, "posted")] == world.home(reader)[:1]  # type: ignore[attr-defined]
    assert bus.batches[-1].epoch == 2
    await again.stop()


async def test_without_its_lease_a_shard_answers_nothing_and_says_nothing(pool: Pool, bus: ListBus) -> None:
    clock = ManualClock()
    shard = FeedShard("feeds-0", settings=ONE_SHARD, pool=pool, bus=bus, clock=clock)  # type: ignore[arg-type]
    await shard.start()
    assert await shard.ready(wait_s=5)
    await shard.register("r", primary=True)
    # As after a long pause of the process: nothing was renewed in time.
    clock.advance(0.6)
    heard = len(bus.batches)
    with pytest.raises(Unavailable):
        await shard.read([(1, 20, None, None, None)])
    await asyncio.sleep(0.15)
    assert await shard.ready(), "it renews its lease, and goes on"
    assert [batch.epoch for batch in bus.batches[heard:]] == [1] * (len(bus.batches) - heard)
    await shard.stop()


async def test_an_owner_that_finds_a_newer_epoch_retires_and_says_so(pool: Pool, bus: ListBus) -> None:
    fenced: list[bool] = []
    shard = FeedShard(
        "feeds-0",
        settings=ONE_SHARD,
        pool=pool,
        bus=bus,  # type: ignore[arg-type]
        clock=SystemClock(),
        on_fenced=lambda: fenced.append(True),
    )
    await shard.start()
    assert await shard.ready(wait_s=5)
    async with pool.connection() as conn:
        newer = await shards.claim(conn, name="feeds-0", kind="feeds", lease_ms=1000)
        position = await outbox.end(conn)
    await eventually(lambda: bool(fenced))
    with pytest.raises(Unavailable):
        await shard.apply(b"[]")
    await shard.stop()
    async with pool.connection() as conn:
        assert await shards.save_position(conn, name="feeds-0", epoch=newer.epoch, position=position)


async def test_a_shard_waits_for_postgres_and_then_starts(
    pool: Pool, bus: ListBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Pool(Postgres(url="postgresql://nobody@127.0.0.1:1/nothing", acquire_timeout_ms=100))
    shard = FeedShard("feeds-0", settings=ONE_SHARD, pool=away, bus=bus, clock=SystemClock())  # type: ignore[arg-type]
    await shard.start()
    with pytest.raises(Unavailable):
        await shard.read([(1, 20, None, None, None)])
    assert await shard.stats() == {"shard": "feeds-0", "ready": False}
    monkeypatch.setattr(shard, "_pool", pool)
    assert await shard.ready(wait_s=5)
    assert await shard.read([(1, 20, None, None, None)], cold=True) == [([], 0)]
    await shard.stop()


async def test_a_feed_that_cannot_be_loaded_is_unavailable_and_loads_later(
    feeds: LocalFeeds, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(pool)
    reader, author = await world.add_people(2)
    await world.follow(reader, author)
    await world.post(author)
    monkeypatch.setattr("actors.feed_loader.feeds.follows_of", _fail)
    with pytest.raises(Unavailable):
        await feeds.home(account_id=reader, window=Window())
    monkeypatch.undo()
    await asyncio.sleep(0.3)
    assert list((await feeds.home(account_id=reader, window=Window())).ids) == world.home(reader)


async def _fail(*_args: object, **_kwargs: object) -> None:
    raise Unavailable("the database went away")


async def test_a_long_feed_shows_where_its_ring_ends(feeds: LocalFeeds, pool: Pool) -> None:
    world = World(pool)
    reader, author = await world.add_people(2)
    await world.follow(reader, author)
    async with pool.connection() as conn:
        ids = await seed_posts(conn, author=author, count=700)
    part = await feeds.home(account_id=reader, window=Window(limit=1000))
    assert list(part.ids) == ids[::-1][:600]
    assert part.floor == ids[100]
    (head,) = await feeds.watch(replica="r", account_ids=[reader])
    assert list(head.ids) == ids[::-1][:80]
    assert head.floor == head.ids[-1]


async def test_history_fills_a_gap_and_what_a_silent_bus_lost(
    feeds: LocalFeeds, pool: Pool, bus: ListBus
) -> None:
    world = World(pool)
    reader, author = await world.add_people(2)
    await world.follow(reader, author)
    await feeds.watch(replica="r", account_ids=[reader])

    async def refuse(_commands: object) -> None:
        raise Unavailable("the event channel does not answer")

    real, bus.pipeline = bus.pipeline, refuse  # type: ignore[method-assign, assignment]
    await feeds.tell(await world.post(author))
    await asyncio.sleep(0.1)
    bus.pipeline = real  # type: ignore[method-assign]
    await eventually(lambda: any(batch.sequence == 1 for batch in bus.batches))
    assert not deliveries(bus, "posted")
    missed = await feeds.catch_up(replica="r", shard="feeds-0", epoch=1, after=0)
    assert missed is not None
    found = [d for batch in missed for d in batch.deliveries if d.row.event.kind == "posted"]
    assert [d.audience for d in found] == [(reader,)]
    assert await feeds.catch_up(replica="r", shard="feeds-0", epoch=7, after=0) is None


async def test_batches_go_through_real_valkey(pool: Pool, redis_url: str) -> None:
    listener, speaker = Bus(redis_url), Bus(redis_url)
    feeds = LocalFeeds(settings=ONE_SHARD, pool=pool, bus=speaker, clock=SystemClock())
    await feeds.start()
    heard: list[Batch] = []

    async def listen() -> None:
        async for _, data in listener.subscribe(["socialflow:replica:valkey-test"]):
            if data is not None:
                heard.append(Batch.from_wire(orjson.loads(data)))

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.1)
    await feeds.register(replica="valkey-test", primary=True)
    world = World(pool)
    (author,) = await world.add_people(1)
    await feeds.tell(await world.post(author))
    await eventually(lambda: any(batch.deliveries for batch in heard))
    listening.cancel()
    await feeds.stop()
    for bus in (listener, speaker):
        await bus.close()
