"""Group commit: shared transactions, bad writes alone, callers who leave, and one order for all readers."""

import asyncio
from collections.abc import Sequence

import pytest

from api.committer import Committer, Written
from api.revising import Deletion, write_deletions
from api.writers import Key, Post, Reaction, write_favourites, write_posts
from cluster.errors import InvalidInput, NotFound, Overloaded, Unavailable
from cluster.events import Event, OutboxRow, StatusPosted, StatusTouched
from cluster.settings import Postgres, Statuses
from db.pool import Connection, Pool
from db.queries.statuses import NewStatus


class RecordingFeeds:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[list[OutboxRow]] = []

    async def tell(self, rows: Sequence[OutboxRow]) -> None:
        await asyncio.sleep(0)
        self.told.append(list(rows))


def committer_on(pool: Pool, feeds: RecordingFeeds | None = None, **limits: int) -> Committer:
    return Committer(pool=pool, feeds=feeds or RecordingFeeds(), limits=Statuses(**limits))  # type: ignore[arg-type]


async def people(pool: Pool, *, count: int) -> list[int]:
    async with pool.transaction() as conn:
        rows = await conn.fetch(
            "INSERT INTO accounts (username) SELECT 'person' || n FROM generate_series(1, $1::int) n"
            " RETURNING id",
            count,
        )
    return [row["id"] for row in rows]


def public(account_id: int, text: str = "hello", **more: object) -> NewStatus:
    return NewStatus(account_id, "public", text, f"<p>{text}</p>", **more)  # type: ignore[arg-type]


async def value(pool: Pool, query: str, *args: object) -> object:
    async with pool.connection() as conn:
        return await conn.fetchval(query, *args)


async def test_posts_that_come_together_share_one_commit_and_are_told_once(pool: Pool) -> None:
    (alice,) = await people(pool, count=1)
    feeds = RecordingFeeds()
    committer = committer_on(pool, feeds)
    ids = await asyncio.gather(
        *(committer.submit(write_posts, Post(public(alice, f"{n}"))) for n in range(50))
    )
    assert ids == sorted(set(ids))
    assert await value(pool, "SELECT count(DISTINCT xmin::text) FROM statuses") == 1
    assert [type(row.event) for row in feeds.told[0]] == [StatusPosted] * 50
    assert await value(pool, "SELECT statuses FROM account_stats WHERE account_id = $1", alice) == 50


async def test_while_a_commit_is_under_way_others_gather_for_the_next(pool: Pool) -> None:
    (alice,) = await people(pool, count=1)
    committer = committer_on(pool, commit_batch_max=10)
    first = asyncio.create_task(committer.submit(write_posts, Post(public(alice))))
    await asyncio.sleep(0.001)
    rest = [committer.submit(write_posts, Post(public(alice))) for _ in range(20)]
    await asyncio.gather(first, *rest)
    commits = await value(pool, "SELECT count(DISTINCT xmin::text) FROM statuses")
    assert commits in (2, 3)


async def test_one_bad_write_does_not_take_the_others_with_it(pool: Pool) -> None:
    (alice,) = await people(pool, count=1)
    feeds = RecordingFeeds()
    committer = committer_on(pool, feeds)
    posts = [Post(public(alice, str(n))) for n in range(5)]
    posts[1] = Post(public(alice, in_reply_to_id=77))  # was deleted meanwhile
    posts[3] = Post(public(alice), media_ids=(88,))  # is somebody else's
    results = await asyncio.gather(
        *(committer.submit(write_posts, post) for post in posts), return_exceptions=True
    )
    assert isinstance(results[1], NotFound)
    assert isinstance(results[3], InvalidInput)
    assert await value(pool, "SELECT array_agg(text ORDER BY id) FROM statuses") == ["0", "2", "4"]
    assert sum(len(rows) for rows in feeds.told) == 3
    with pytest.raises(InvalidInput):
        await committer.submit_many(write_posts, posts[2:])
    assert await value(pool, "SELECT count(*) FROM statuses") == 5


async def test_a_caller_who_leaves_still_has_posted(pool: Pool) -> None:
    (alice,) = await people(pool, count=1)
    committer = committer_on(pool)
    tasks = [asyncio.create_task(committer.submit(write_posts, Post(public(alice)))) for _ in range(6)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(result, int) for result in results) == 3
    await committer.close()
    assert await value(pool, "SELECT count(*) FROM statuses") == 6


async def test_too_many_waiting_is_overload_and_no_database_is_unavailable(pool: Pool) -> None:
    (alice,) = await people(pool, count=1)
    committer = committer_on(pool, commit_queue_max=3, commit_batch_max=2)
    results = await asyncio.gather(
        *(committer.submit(write_posts, Post(public(alice))) for _ in range(5)), return_exceptions=True
    )
    assert [type(result) for result in results] == [int, int, int, Overloaded, Overloaded]
    nowhere = committer_on(Pool(Postgres(url="postgresql://nobody@127.0.0.1:9/none")))
    with pytest.raises(Unavailable):
        await nowhere.submit(write_posts, Post(public(alice)))


async def test_listeners_hear_before_the_caller_is_answered(pool: Pool) -> None:
    alice, bob = await people(pool, count=2)
    heard: list[Event] = []
    committer = Committer(
        pool=pool,
        feeds=RecordingFeeds(),  # type: ignore[arg-type]
        limits=Statuses(),
        listeners=[heard.append],
    )
    status = await committer.submit(write_posts, Post(public(alice)))
    assert [type(event) for event in heard] == [StatusPosted]
    await committer.submit(write_favourites, Reaction(bob, status, alice))
    assert StatusTouched(status, alice) in heard


async def test_a_deadlock_with_other_writers_of_counts_is_tried_again(pool: Pool) -> None:
    alice, bob = await people(pool, count=2)
    committer = committer_on(pool)
    await committer.submit_many(write_posts, [Post(public(alice)), Post(public(bob))])
    low, high = sorted((alice, bob))
    locked, touch = asyncio.Event(), "UPDATE account_stats SET followers = 1 WHERE account_id = $1"

    async def opposite() -> None:
        async with pool.transaction() as conn:
            await conn.execute(touch, high)
            locked.set()
            await asyncio.sleep(0.2)  # meanwhile the batch has the lower row and waits for this one
            await conn.execute(touch, low)

    async def batch() -> None:
        await locked.wait()
        await committer.submit_many(write_posts, [Post(public(low)), Post(public(high))])

    results = await asyncio.gather(opposite(), batch(), return_exceptions=True)
    assert results[1] is None
    assert await value(pool, "SELECT count(*) FROM statuses") == 4


async def test_keys_are_held_across_replicas(pool: Pool, database_url: str) -> None:
    (alice,) = await people(pool, count=1)
    other = Pool(Postgres(url=database_url))
    committers = [committer_on(pool), committer_on(other)]
    post = Post(public(alice), key=Key("same", 3600))
    ids = await asyncio.gather(*(committers[n % 2].submit(write_posts, post) for n in range(40)))
    assert len(set(ids)) == 1
    assert await value(pool, "SELECT count(*) FROM statuses") == 1
    assert await value(pool, "SELECT statuses FROM account_stats") == 1
    await other.close()


async def test_a_writer_that_fails_for_no_reason_of_ours_is_not_hidden(pool: Pool) -> None:
    async def broken(_conn: Connection, _items: Sequence[int]) -> Written[int]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await committer_on(pool).submit(broken, 1)


async def test_a_reader_who_pages_up_never_misses_a_post_of_many_writers(
    pool: Pool, database_url: str
) -> None:
    authors = await people(pool, count=8)
    pools = [Pool(Postgres(url=database_url)) for _ in range(2)]
    committers = [committer_on(one, commit_batch_max=7) for one in pools]
    seen: list[int] = []
    done = asyncio.Event()

    async def read() -> None:
        after = 0
        while True:
            last_look = done.is_set()
            async with pool.connection() as conn:
                rows = await conn.fetch("SELECT id FROM statuses WHERE id > $1 ORDER BY id", after)
            seen.extend(row["id"] for row in rows)
            after = seen[-1] if seen else 0
            if last_look:
                return

    async def write(n: int) -> list[int]:
        ids = []
        for turn in range(25):
            post = Post(public(authors[n]), key=Key(f"{turn}", 3600) if turn % 3 else None)
            ids.append(await committers[n % 2].submit(write_posts, post))
            if turn % 5 == 4:
                await committers[n % 2].submit(write_favourites, Reaction(authors[n], ids[-1], authors[n]))
        return ids

    reader = asyncio.create_task(read())
    posted = [one for ids in await asyncio.gather(*(write(n) for n in range(8))) for one in ids]
    done.set()
    await reader
    assert seen == sorted(posted)
    for one in pools:
        await one.close()


async def test_deleting_and_answering_at_once_leaves_counts_that_are_true(pool: Pool) -> None:
    alice, bob = await people(pool, count=2)
    committer = committer_on(pool)
    roots = await committer.submit_many(write_posts, [Post(public(alice)) for _ in range(10)])
    acts = [
        *(committer.submit(write_deletions, Deletion(alice, root)) for root in roots[::2]),
        *(
            committer.submit(
                write_posts,
                Post(public(bob, in_reply_to_id=root, in_reply_to_account_id=alice, conversation_id=root)),
            )
            for root in roots
        ),
        *(committer.submit(write_favourites, Reaction(bob, root, alice)) for root in roots),
    ]
    results = await asyncio.gather(*acts, return_exceptions=True)
    assert {type(result) for result in results if isinstance(result, Exception)} <= {NotFound}
    wrong = await value(
        pool,
        """SELECT count(*) FROM status_stats s
        WHERE s.replies <> (SELECT count(*) FROM statuses r WHERE r.in_reply_to_id = s.status_id)
            OR s.favourites <> (SELECT count(*) FROM favourites f WHERE f.status_id = s.status_id)""",
    )
    assert wrong == 0
    wrong = await value(
        pool,
        """SELECT count(*) FROM account_stats a
        WHERE a.statuses <> (SELECT count(*) FROM statuses s WHERE s.account_id = a.account_id)""",
    )
    assert wrong == 0
