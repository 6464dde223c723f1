"""A real feed shard actor is killed with SIGKILL while posts flow: every acknowledged post is in every
follower's feed exactly once, a watching replica misses nothing, and an old owner is fenced off."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.clock import SystemClock
from cluster.errors import SocialFlowError, Unavailable
from cluster.events import Batch, Delivery, StatusPosted
from cluster.settings import Feeds, Postgres, Redis, Settings
from cluster.topology import feed_shards
from db.bus import Bus
from db.pages import Window
from db.pool import Pool
from tests.db.feed_world import World

NAMESPACE = "test-feeds"
ALL = Window(limit=600)


@pytest.fixture(scope="module")
def ray_here() -> Iterator[Any]:
    """One small Ray of our own, in a folder of its own."""
    import ray

    folder = Path(tempfile.mkdtemp(prefix="sfray-", dir="/tmp"))  # sockets need short paths
    root = str(Path(__file__).parent.parent.parent)
    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=80 * 1024 * 1024,
        include_dashboard=False,
        log_to_driver=False,
        _temp_dir=str(folder),
        runtime_env={"env_vars": {"PYTHONPATH": root}},
    )
    yield ray
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def options(database_url: str, redis_url: str) -> Settings:
    return Settings(
        postgres=Postgres(url=database_url), redis=Redis(url=redis_url), feeds=Feeds(shards=2, length_max=600)
    )


@pytest.fixture
async def feeds(ray_here: Any, options: Settings) -> AsyncIterator[Any]:
    from actors import supervise
    from actors.feeds import FeedShard
    from actors.handles import RayFeeds

    names = feed_shards(options)
    epochs = await supervise.bring_up(FeedShard, names=names, settings=options, namespace=NAMESPACE)
    assert epochs == dict.fromkeys(names, 1)
    feeds = RayFeeds(settings=options, namespace=NAMESPACE)
    yield feeds
    await feeds.close()
    await supervise.take_down(names=names, namespace=NAMESPACE)


async def _pid(ray: Any, shard: str) -> int:
    return int(await ray.get_actor(shard, namespace=NAMESPACE).pid.remote())


async def _homes(feeds: Any, people: list[int], *, patience_s: float) -> dict[int, list[int]]:
    """Every home, once the shards answer again."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        try:
            parts = await asyncio.gather(*(feeds.home(account_id=who, window=ALL) for who in people))
            return {who: list(part.ids) for who, part in zip(people, parts, strict=True)}
        except Unavailable:
            assert asyncio.get_running_loop().time() < deadline, "the shard did not come back"
            await asyncio.sleep(0.05)


async def test_no_post_is_lost_or_doubled_when_a_shard_is_killed(
    ray_here: Any, feeds: Any, pool: Pool, options: Settings
) -> None:
    world = World(pool)
    people = await world.add_people(12)
    authors, readers = people[:2], people[2:]
    for author in authors:
        for reader in readers:
            await world.follow(reader, author)
    await _homes(feeds, people, patience_s=5)
    victims = [await _pid(ray_here, name) for name in feeds.names]

    async def write() -> None:
        for number in range(300):
            await feeds.tell(await world.post(authors[number % 2]))
            if number in (60, 180):
                os.kill(victims[number // 100], signal.SIGKILL)
            await asyncio.sleep(0.003)

    async def read() -> None:
        while not writing.done():
            for reader in readers:
                try:
                    ids = list((await feeds.home(account_id=reader, window=ALL)).ids)
                except SocialFlowError:
                    continue
                assert ids == sorted(set(ids), reverse=True)
            await asyncio.sleep(0.01)

    writing = asyncio.create_task(write())
    await asyncio.gather(writing, read())
    assert [await _pid(ray_here, name) for name in feeds.names] != victims
    deadline = asyncio.get_running_loop().time() + 10
    while True:
        homes = await _homes(feeds, people, patience_s=10)
        if homes == {who: world.home(who) for who in people}:
            break
        assert asyncio.get_running_loop().time() < deadline, "posts are missing"
        await asyncio.sleep(0.1)
    assert [entry["epoch"] for entry in await feeds.stats()] == [2, 2]


async def test_a_watching_replica_hears_every_post_across_a_kill(
    ray_here: Any, feeds: Any, pool: Pool, options: Settings
) -> None:
    """What a replica does by itself: registers again when a shard is silent, and reads heads anew."""
    world = World(pool)
    reader, author = await world.add_people(2)
    await world.follow(reader, author)
    bus = Bus(options.redis.url)
    heard: set[int] = set()
    epochs: set[int] = set()

    async def listen() -> None:
        async for _, data in bus.subscribe(["socialflow:replica:r1"]):
            if data is not None:
                import orjson

                batch = Batch.from_wire(orjson.loads(data))
                epochs.add(batch.epoch)
                heard.update(_status_ids(batch.deliveries, reader))

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.2)
    await feeds.register(replica="r1", primary=False)
    head = (await feeds.watch(replica="r1", account_ids=[reader]))[0]
    heard.update(head.ids)
    victim = await _pid(ray_here, head.shard)
    for number in range(100):
        await feeds.tell(await world.post(author))
        if number == 50:
            os.kill(victim, signal.SIGKILL)
    for _ in range(100):
        try:
            heard.update((await feeds.watch(replica="r1", account_ids=[reader]))[0].ids)
            await feeds.tell(await world.post(author))
            break
        except Unavailable:
            await asyncio.sleep(0.05)
    # A head has the 80 newest entries; the older ones were published before the kill.
    deadline = asyncio.get_running_loop().time() + 10
    while heard != set(world.home(reader)):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.1)
    assert epochs == {1, 2}
    listening.cancel()
    await bus.close()


def _status_ids(deliveries: tuple[Delivery, ...], reader: int) -> set[int]:
    return {
        delivery.row.event.status_id
        for delivery in deliveries
        if isinstance(delivery.row.event, StatusPosted) and reader in delivery.audience
    }


async def test_an_owner_that_lives_on_is_fenced_off_and_leaves(
    ray_here: Any, feeds: Any, options: Settings, pool: Pool
) -> None:
    """A second owner claims the shard behind the actor's back: the actor must stop answering, for good."""
    from actors.feeds import FeedShard

    successor = FeedShard(
        feeds.names[0], settings=options, pool=pool, bus=Bus(options.redis.url), clock=SystemClock()
    )
    await successor.start()
    assert await successor.ready(wait_s=5)
    deadline = asyncio.get_running_loop().time() + 10
    while (await feeds.stats())[0]["ready"]:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.5)
    assert not (await feeds.stats())[0]["ready"], "it must not come back and take the shard again"
    assert await successor.ready()
    await successor.stop()
