"""Home from SQL: equal to the rules in plain words, for every window, and the outbox's order."""

import random

import pytest

from cluster.events import StatusTouched
from db.pages import Window, cut
from db.pool import Pool
from db.position import Position
from db.queries import feeds, outbox, shards
from tests.db.feed_world import World


async def _random_world(pool: Pool, *, seed: int, people: int = 6, acts: int = 120) -> World:
    rng = random.Random(seed)
    world = World(pool)
    await world.add_people(people)
    for who in world.people:
        for whom in world.people:
            if who != whom and rng.random() < 0.6:
                await world.follow(who, whom, reblogs=rng.random() < 0.7)
    for _ in range(acts):
        author = rng.choice(world.people)
        posts = [post for post in world.posts.values() if post.visibility != "direct"]
        originals = [post for post in posts if post.reblog_of is None]
        kind = rng.random()
        if kind < 0.2 and originals:
            taken = {(post.author, post.reblog_of) for post in posts}
            original = rng.choice(originals)
            if (author, original.id) not in taken:
                await world.post(author, reblog_of=original)
        else:
            await world.post(
                author,
                visibility=rng.choice(["public", "unlisted", "private", "direct"]),
                reply_to=rng.choice(posts) if posts and kind < 0.5 else None,
                mentions=rng.sample(world.people, rng.randrange(3)),
            )
    return world


@pytest.mark.parametrize("seed", range(3))
async def test_home_from_sql_follows_the_rules_in_every_window(pool: Pool, seed: int) -> None:
    world = await _random_world(pool, seed=seed)
    rng = random.Random(seed)
    async with pool.connection() as conn:
        for viewer in world.people:
            truth = world.home(viewer)
            for _ in range(10):
                some = [None, *truth, 1, 2**62]
                window = Window(
                    limit=rng.choice([1, 3, 20, 200]),
                    max_id=rng.choice(some),
                    since_id=rng.choice(some),
                    min_id=rng.choice(some) if rng.random() < 0.5 else None,
                )
                assert await feeds.home_ids(conn, account_id=viewer, window=window) == cut(truth, window)


async def test_one_author_who_fills_the_feed_does_not_hide_the_others(pool: Pool) -> None:
    world = World(pool)
    reader, quiet, loud = await world.add_people(3)
    await world.follow(reader, quiet)
    await world.follow(reader, loud)
    await world.post(quiet)
    for _ in range(150):
        await world.post(loud)
    await world.post(quiet)
    async with pool.connection() as conn:
        found = await feeds.home_ids(conn, account_id=reader, window=Window(limit=152))
    assert found == world.home(reader)
    assert len(found) == 152


async def test_many_feeds_at_once_equal_each_alone(pool: Pool) -> None:
    world = await _random_world(pool, seed=7)
    async with pool.connection() as conn:
        follows = await feeds.follows_of(conn, account_ids=world.people)
        together = await feeds.homes(conn, follows=follows, window=Window(limit=50))
    assert together == {viewer: world.home(viewer)[:50] for viewer in world.people}


async def test_a_stranger_has_an_empty_home(pool: Pool) -> None:
    async with pool.connection() as conn:
        assert await feeds.home_ids(conn, account_id=12345, window=Window()) == []


async def test_outbox_rows_keep_the_order_of_their_events(pool: Pool) -> None:
    events = [StatusTouched(n, 1) for n in range(500)]
    async with pool.transaction() as conn:
        rows = await outbox.append(conn, events=events)
    assert [row.event for row in rows] == events
    assert [row.id for row in rows] == sorted(row.id for row in rows)
    async with pool.connection() as conn:
        step = await outbox.sweep(conn, after=Position(), limit=1000)
        stored = await outbox.rows(conn, after=Position(), upto=step.position, ids=step.ids)
    assert stored == rows


async def test_the_sweep_waits_for_an_older_transaction_and_then_misses_nothing(pool: Pool) -> None:
    event = StatusTouched(1, 1)
    async with pool.connection() as slow, pool.connection() as reader:
        late = slow.transaction()
        await late.start()
        first = await outbox.append(slow, events=[event])
        async with pool.transaction() as conn:
            second = await outbox.append(conn, events=[event])
        before = await outbox.sweep(reader, after=Position(), limit=10)
        await late.commit()
        after = await outbox.sweep(reader, after=before.position, limit=10)
    assert before.ids == ()
    assert set(after.ids) == {first[0].id, second[0].id}


async def test_pruning_keeps_what_is_young_and_what_is_not_swept(pool: Pool) -> None:
    async with pool.transaction() as conn:
        rows = await outbox.append(conn, events=[StatusTouched(n, 1) for n in range(10)])
        await conn.execute(
            "UPDATE outbox SET created_at = now() - interval '2 days' WHERE id < $1", rows[6].id
        )
    async with pool.connection() as conn:
        step = await outbox.sweep(conn, after=Position(), limit=4)
        assert await outbox.prune(conn, upto=step.position, keep_s=86400, limit=100) == 4
        assert await outbox.prune(conn, upto=step.position, keep_s=86400, limit=100) == 0
        rest = await outbox.sweep(conn, after=Position(), limit=100)
        assert rest.ids == tuple(row.id for row in rows[4:])


async def test_a_new_claim_fences_the_old_epoch_off(pool: Pool) -> None:
    async with pool.connection() as conn:
        first = await shards.claim(conn, name="feeds-0", kind="feeds", lease_ms=1000)
        assert await shards.renew(conn, name="feeds-0", epoch=first.epoch, lease_ms=1000)
        assert await shards.save_position(
            conn, name="feeds-0", epoch=first.epoch, position=Position("700", 3)
        )
        second = await shards.claim(conn, name="feeds-0", kind="feeds", lease_ms=1000)
        assert second.epoch == first.epoch + 1
        assert second.position == Position("700", 3)
        assert not await shards.renew(conn, name="feeds-0", epoch=first.epoch, lease_ms=1000)
        assert not await shards.save_position(
            conn, name="feeds-0", epoch=first.epoch, position=Position("1", 1)
        )
        assert not await shards.hold(conn, name="feeds-0", epoch=first.epoch)
        assert await shards.hold(conn, name="feeds-0", epoch=second.epoch)


async def test_moving_a_slot_raises_its_epoch_and_leaves_the_others(pool: Pool) -> None:
    async with pool.transaction() as conn:
        await shards.place(conn, kind="feeds", owners=["a", "a", "b"])
        await shards.place(conn, kind="feeds", owners=["a", "b", "b"])
        assert await shards.owners(conn, kind="feeds") == ("a", "b", "b")
        epochs = [record["epoch"] for record in await conn.fetch("SELECT epoch FROM slots ORDER BY slot")]
        assert epochs == [1, 2, 1]
        assert {row.name: row.slots for row in await shards.shards(conn)} == {"a": 1, "b": 2}
