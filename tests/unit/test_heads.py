"""Copies of home heads: what deliveries may and may not change, and which pages they answer."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.ports import Head
from api.heads import Heads
from cluster.clock import ManualClock
from cluster.events import RelationChanged, StatusDeleted, StatusPosted
from cluster.settings import Feeds
from db.pages import Window, cut
from tests.reading import FakeNews, delivered, make_head

ME, FRIEND = 1, 2
ALL = Window(limit=40)


def posted(status_id: int, account_id: int = FRIEND) -> StatusPosted:
    return StatusPosted(status_id, account_id, "public")


class Desk:
    """Heads with news and a clock by hand."""

    def __init__(self, head: Head | None = None, **settings: int) -> None:
        self.news, self.clock = FakeNews(), ManualClock()
        if head is not None:
            self.news.heads[head.account_id] = head
        self.heads = Heads(news=self.news, clock=self.clock, settings=Feeds(**settings))

    async def read(self, window: Window = ALL, account_id: int = ME) -> list[int] | None:
        return await self.heads.read(account_id=account_id, window=window)

    def hear(
        self, event: StatusPosted | StatusDeleted | RelationChanged, *, sequence: int, epoch: int = 1
    ) -> None:
        self.heads.on_delivery(*delivered(event, ME, sequence=sequence, epoch=epoch))


async def test_a_head_is_fetched_once_and_then_follows_deliveries() -> None:
    desk = Desk(make_head(ME, 10, 20, sequence=5))
    assert await desk.read() == [20, 10]
    desk.hear(posted(30), sequence=6)
    assert await desk.read() == [30, 20, 10]
    assert desk.heads.peek(account_id=ME, window=Window(limit=2)) == [30, 20]
    assert desk.news.references == {ME: 1}


async def test_only_batches_after_the_head_are_applied_and_only_once() -> None:
    desk = Desk(make_head(ME, 10, sequence=5))
    await desk.read()
    desk.hear(posted(8), sequence=5)
    desk.hear(posted(9), sequence=6, epoch=2)
    desk.hear(posted(30), sequence=6)
    desk.hear(posted(30), sequence=7)
    desk.hear(posted(20), sequence=8)
    assert await desk.read() == [30, 20, 10]


async def test_what_arrives_while_the_head_is_read_is_neither_lost_nor_doubled() -> None:
    desk = Desk()
    asked = asyncio.Event()
    answer = asyncio.Event()

    async def slow_watch(account_ids: Sequence[int]) -> list[Head]:
        asked.set()
        await answer.wait()
        return [make_head(ME, 10, 20, sequence=6)]

    desk.news.watch = slow_watch  # type: ignore[method-assign]
    reading = asyncio.create_task(desk.read())
    await asked.wait()
    desk.hear(posted(20), sequence=6)
    desk.hear(posted(30), sequence=7)
    answer.set()
    assert await reading == [30, 20, 10]
    assert await desk.read() == [30, 20, 10]


@pytest.mark.parametrize("change", ["loss", "relation"])
async def test_a_head_that_became_void_while_it_was_read_is_not_kept(change: str) -> None:
    desk = Desk()
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow_watch(account_ids: Sequence[int]) -> list[Head]:
        asked.set()
        await answer.wait()
        return [make_head(ME, 10)]

    desk.news.watch = slow_watch  # type: ignore[method-assign]
    reading = asyncio.create_task(desk.read())
    await asked.wait()
    if change == "loss":
        desk.heads.on_loss("s")
    else:
        desk.hear(RelationChanged(ME, FRIEND, "unfollow"), sequence=9)
    answer.set()
    assert await reading == [10]
    assert desk.heads.peek(account_id=ME, window=ALL) is None


async def test_losses_relations_and_stale_news_end_a_head() -> None:
    desk = Desk(make_head(ME, 10))
    await desk.read()
    desk.news.is_fresh = False
    assert await desk.read() is None
    desk.news.is_fresh = True
    assert desk.heads.peek(account_id=ME, window=ALL) == [10]
    desk.heads.on_loss("another shard")
    assert desk.heads.peek(account_id=ME, window=ALL) == [10]
    desk.heads.on_loss("s")
    assert desk.heads.peek(account_id=ME, window=ALL) is None
    desk.news.heads[ME] = make_head(ME, 10, 11)
    assert await desk.read() == [11, 10]
    desk.hear(RelationChanged(FRIEND, ME, "block"), sequence=1)
    assert desk.heads.peek(account_id=ME, window=ALL) is None
    assert await desk.read() == [11, 10]
    assert desk.news.references == {ME: 1}


async def test_own_posts_are_asked_of_the_shard_which_knows_what_came_before_them() -> None:
    desk = Desk(make_head(ME, 10))
    await desk.read()
    desk.heads.note(posted(20, account_id=ME))
    desk.heads.note(posted(21, account_id=FRIEND))
    desk.news.heads[ME] = make_head(ME, 10, 19, 20)
    assert await desk.read() is None
    desk.clock.advance(1.1)
    assert await desk.read() == [20, 19, 10], "19 was not delivered to this replica yet"
    desk.heads.note(StatusDeleted(20, ME, "public"))
    assert await desk.read() == [19, 10]


async def test_after_an_own_change_of_relations_the_shard_is_asked_until_it_must_know() -> None:
    desk = Desk(make_head(ME, 10))
    await desk.read()
    desk.heads.note(RelationChanged(ME, FRIEND, "unfollow"))
    assert await desk.read() is None
    desk.clock.advance(1.1)
    assert await desk.read() == [10]


async def test_without_news_or_shards_there_are_no_heads() -> None:
    assert (
        await Heads(news=None, clock=ManualClock(), settings=Feeds()).read(account_id=ME, window=ALL) is None
    )
    desk = Desk(make_head(ME, 10))
    desk.news.available = False
    assert await desk.read() is None
    desk.news.available = True
    assert await desk.read() == [10]


async def test_heads_are_bounded_in_number_and_length() -> None:
    desk = Desk(heads_max=3, head_length=5)
    for account_id in range(1, 8):
        desk.news.heads[account_id] = make_head(account_id, 10)
        await desk.read(account_id=account_id)
    assert {account for account, count in desk.news.references.items() if count} == {5, 6, 7}
    assert desk.heads.peek(account_id=1, window=ALL) is None
    for number in range(100):
        desk.heads.on_delivery(*delivered(posted(100 + number), 7, sequence=number + 1))
    assert desk.heads.peek(account_id=7, window=Window(limit=5)) == [199, 198, 197, 196, 195]
    assert desk.heads.peek(account_id=7, window=Window(limit=40)) is None, "older ones are the shard's"
    assert desk.heads.peek(account_id=7, window=Window(limit=5, max_id=50)) is None


cursors = st.one_of(st.none(), st.integers(0, 60))


@given(
    ids=st.sets(st.integers(21, 60), max_size=30),
    window=st.builds(Window, limit=st.integers(1, 10), max_id=cursors, since_id=cursors, min_id=cursors),
    floor=st.sampled_from([0, 20]),
)
def test_a_head_answers_exactly_what_the_whole_feed_would_or_nothing(
    ids: set[int], window: Window, floor: int
) -> None:
    feed = sorted(ids | ({5, 10} if floor else set()), reverse=True)
    desk = Desk(make_head(ME, *ids, floor=floor))
    answer = asyncio.run(desk.read(window))
    if answer is not None:
        assert answer == cut(feed, window)
    elif floor == 0:
        pytest.fail("a head that holds the whole feed answers everything")
