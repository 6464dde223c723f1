"""The replay law: a live feed equals one rebuilt from Postgres, whatever is told, lost, late or repeated.

Real shards, lanes and queries in this process; only Valkey is replaced by a list, so that what is published
can be counted.
"""

import asyncio
from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from actors.local import LocalFeeds
from actors.ports import HomeSlice
from cluster.clock import SystemClock
from cluster.errors import Unavailable
from cluster.events import Batch, OutboxRow, StatusPosted
from cluster.settings import Feeds, Postgres, Settings
from db.pages import Window
from db.pool import Pool
from tests.db.feed_world import Post, World

PEOPLE = 5
LENGTH = 6  # short rings, so that floors and overflow matter
ALL = Window(limit=1000)


class ListBus:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    async def pipeline(self, commands: list[tuple[str, str, bytes]]) -> list[int]:
        self.batches += [Batch.from_wire(orjson.loads(data)) for _, _, data in commands]
        return [1] * len(commands)


async def swept(feeds: LocalFeeds, pool: Pool) -> None:
    """Let every shard sweep all that is committed now; a transaction elsewhere may hold it up."""
    async with pool.connection() as conn:
        newest = await conn.fetchrow("SELECT tx::text, id FROM outbox ORDER BY tx DESC, id DESC LIMIT 1")
    while newest is not None:
        for shard in feeds.shards.values():
            await shard.sweep()
        positions = [(await shard.stats())["swept_to"] for shard in feeds.shards.values()]
        if all((int(tx), place) >= (int(newest["tx"]), newest["id"]) for tx, place in positions):
            return
        await asyncio.sleep(0.002)


def check_slice(part: HomeSlice, truth: list[int]) -> None:
    ids = list(part.ids)
    assert ids == truth[: len(ids)], "what is shown is the newest part of the truth, without holes"
    assert all(status_id < part.floor for status_id in truth[len(ids) :]), "all above the floor is known"


class FeedLaw(RuleBasedStateMachine):
    """Random lives of five people over two shards."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.late: list[list[OutboxRow]] = []
        self.reads: list[asyncio.Task[Any]] = []
        self.watched: set[int] = set()
        self.bus = ListBus()
        self.run(self.set_up())

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def set_up(self) -> None:
        self.pool = Pool(Postgres(url=self.url))
        async with self.pool.connection() as conn:
            await conn.execute("TRUNCATE accounts, outbox, slots, shards CASCADE")
        self.world = World(self.pool)
        await self.world.add_people(PEOPLE)
        options = Settings(
            feeds=Feeds(
                length_max=LENGTH,
                users_max=3,
                merge_followers_min=3,
                sweep_ms=1_000_000,
                nudge_wait_ms=1000,
                lease_ms=600_000,  # nobody renews it: the loop stands still between steps
            )
        )
        self.feeds = LocalFeeds(settings=options, pool=self.pool, bus=self.bus, clock=SystemClock())  # type: ignore[arg-type]
        await self.feeds.start()

    def teardown(self) -> None:
        async def end() -> None:
            await asyncio.gather(*self.reads, return_exceptions=True)
            await self.feeds.stop()
            await self.pool.close()

        self.run(end())
        self.loop.close()

    async def home(self, account_id: int, window: Window) -> HomeSlice:
        """A read, patient with a shard that was restarted a moment ago."""
        for _ in range(100):
            try:
                return await self.feeds.home(account_id=account_id, window=window)
            except Unavailable:
                await asyncio.sleep(0.02)
        raise AssertionError("the shard does not come back")

    def person(self, number: int) -> int:
        return self.world.people[number]

    def tell(self, rows: list[OutboxRow], how: str) -> None:
        if how == "late":
            self.late.append(rows)
        elif how != "lost":
            for _ in range(2 if how == "twice" else 1):
                self.run(self.feeds.tell(rows))

    who = st.integers(0, PEOPLE - 1)
    told = st.sampled_from(["once", "once", "twice", "late", "lost"])
    visibilities = st.sampled_from(["public", "public", "private", "direct"])

    @rule(author=who, how=told, visibility=visibilities, pick=st.integers(0, 50), mentioned=who)
    def post(self, author: int, how: str, visibility: str, pick: int, mentioned: int) -> None:
        posts: list[Post | None] = list(self.world.posts.values())
        parent = (posts + [None] * 3)[pick % (len(posts) + 3)]
        self.tell(
            self.run(
                self.world.post(
                    self.person(author),
                    visibility=visibility,
                    reply_to=parent,
                    mentions=[self.person(mentioned)],
                )
            ),
            how,
        )

    @rule(author=who, how=told, pick=st.integers(0, 50))
    def reblog(self, author: int, how: str, pick: int) -> None:
        taken = {(post.author, post.reblog_of) for post in self.world.posts.values()}
        originals = [post for post in self.world.posts.values() if post.reblog_of is None]
        if originals:
            original = originals[pick % len(originals)]
            if (self.person(author), original.id) not in taken:
                self.tell(self.run(self.world.post(self.person(author), reblog_of=original)), how)

    @rule(how=told, pick=st.integers(0, 50))
    def delete(self, how: str, pick: int) -> None:
        if self.world.posts:
            posts = list(self.world.posts.values())
            self.tell(self.run(self.world.delete(posts[pick % len(posts)])), how)

    @rule(who=who, whom=who, how=told, reblogs=st.booleans())
    def follow(self, who: int, whom: int, how: str, reblogs: bool) -> None:
        if who != whom:
            self.tell(self.run(self.world.follow(self.person(who), self.person(whom), reblogs=reblogs)), how)

    @rule(who=who, whom=who, how=told, block=st.booleans())
    def part(self, who: int, whom: int, how: str, block: bool) -> None:
        if who != whom:
            act = self.world.block if block else self.world.unfollow
            self.tell(self.run(act(self.person(who), self.person(whom))), how)

    @rule(reverse=st.booleans())
    def tell_late(self, reverse: bool) -> None:
        waiting, self.late = self.late, []
        for rows in reversed(waiting) if reverse else waiting:
            self.tell(rows, "once")

    @rule(who=who)
    def begin_to_read(self, who: int) -> None:
        """A load that overlaps with whatever happens next."""
        self.reads.append(self.loop.create_task(self.feeds.home(account_id=self.person(who), window=ALL)))

    @rule(who=who)
    def watch(self, who: int) -> None:
        if len(self.watched) < 2:  # a shard of three feeds must be able to let some go
            self.watched.add(self.person(who))
            self.run(self.home(self.person(who), ALL))
            self.run(self.feeds.watch(replica="r", account_ids=[self.person(who)]))

    @rule(shard=st.sampled_from(["feeds-0", "feeds-1"]))
    def restart(self, shard: str) -> None:
        self.run(self.feeds.restart(shard))
        assert self.run(self.feeds.shards[shard].ready(wait_s=10.0))
        self.watched.clear()

    @rule()
    def settle(self) -> None:
        """When everything is swept, live equals truth."""

        async def check() -> None:
            for outcome in await asyncio.gather(*self.reads, return_exceptions=True):
                # A read that meets a restart may be refused; callers go to Postgres then.
                assert isinstance(outcome, HomeSlice | Unavailable), outcome
            self.reads.clear()
            await swept(self.feeds, self.pool)
            for person in self.world.people:
                truth = self.world.home(person)
                check_slice(await self.home(person, ALL), truth)
                page = await self.home(person, Window(limit=2))
                assert list(page.ids) == truth[:2] or len(page.ids) < 2

        self.run(check())

    @rule()
    def rebuild(self) -> None:
        self.settle()
        for shard in self.feeds.names:
            self.restart(shard)

        async def check() -> None:
            for person in self.world.people:
                part = await self.home(person, ALL)
                truth = self.world.home(person)
                assert list(part.ids) == truth[:LENGTH]
                assert (part.floor == 0) == (len(truth) < LENGTH)

        self.run(check())

    @invariant()
    def nobody_hears_of_a_post_twice(self) -> None:
        heard = Counter(
            (batch.shard, batch.epoch, delivery.row.event.status_id, account)
            for batch in self.bus.batches
            for delivery in batch.deliveries
            if isinstance(delivery.row.event, StatusPosted)
            for account in delivery.audience
        )
        assert not [key for key, times in heard.items() if times > 1]


def test_live_feeds_equal_rebuilt_feeds_equal_sql(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FeedLaw, "url", database_url)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        FeedLaw,
        settings=settings(
            max_examples=20,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
