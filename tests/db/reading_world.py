"""People and statuses written straight into a database, and a read path over them with news by hand."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from actors.ports import Head, HomeSlice
from api.cards import Cards
from api.context import Context
from api.heads import Heads
from api.viewers import Viewers
from cluster.clock import ManualClock
from cluster.errors import Unavailable
from cluster.events import Event
from cluster.settings import Caches
from cluster.settings import Feeds as FeedSettings
from db.pages import Window, cut
from db.pool import Pool
from db.queries import feeds
from tests.reading import LINKS, FakeNews, make_head

FOREVER = Window(limit=10_000)
HEAD = 5


class RingFeeds:
    """What a feed shard answers: the newest `length` entries of the truth, and the floor below them."""

    def __init__(self, pool: Pool, length: int) -> None:
        self._pool = pool
        self.length = length
        self.available = True

    async def home(self, *, account_id: int, window: Window) -> HomeSlice:
        if not self.available:
            raise Unavailable
        async with self._pool.connection() as conn:
            truth = await feeds.home_ids(conn, account_id=account_id, window=FOREVER)
        ring = truth[: self.length]
        floor = truth[self.length] if len(truth) > self.length else 0
        return HomeSlice(tuple(cut(ring, window)), floor)


class TrueNews(FakeNews):
    """News whose heads are the newest five entries of the truth."""

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self._feeds = RingFeeds(pool, HEAD)

    async def watch(self, account_ids: Sequence[int]) -> list[Head]:
        for account_id in account_ids:
            part = await self._feeds.home(account_id=account_id, window=FOREVER)
            self.heads[account_id] = make_head(account_id, *part.ids, floor=part.floor)
        return await super().watch(account_ids)


class World:
    """A database with a read path. `fresh` caches nothing: what it draws is the truth."""

    def __init__(self, pool: Pool, *, ring: int = 600) -> None:
        self.pool = pool
        self.news = TrueNews(pool)
        self.clock = ManualClock()
        self.feeds = RingFeeds(pool, ring)
        self.ctx = self._context(self.news)
        self.fresh = self._context(None)

    def _context(self, news: FakeNews | None) -> Context:
        limits = Caches()
        cards = Cards(
            pool=self.pool, links=LINKS, limits=limits, trusted=lambda: news is not None and news.fresh()
        )
        viewers = Viewers(pool=self.pool, clock=self.clock, limits=limits, news=news)
        heads = Heads(news=news, clock=self.clock, settings=FeedSettings(head_length=HEAD))
        parts = SimpleNamespace(pool=self.pool, cards=cards, viewers=viewers, heads=heads, feeds=self.feeds)
        return cast(Context, parts)

    def happened(self, *events: Event) -> None:
        """Tell the caches, as `announce` does."""
        for event in events:
            self.ctx.cards.note(event)
            self.ctx.viewers.note(event)
            self.ctx.heads.note(event)

    async def run(self, sql: str, *arguments: Any) -> Any:
        async with self.pool.transaction(ordered=True) as conn:
            return await conn.fetchval(sql, *arguments)

    async def account(self, name: str) -> int:
        account_id = await self.run("INSERT INTO accounts (username) VALUES ($1) RETURNING id", name)
        await self.run("INSERT INTO account_stats (account_id) VALUES ($1)", account_id)
        return cast(int, account_id)

    async def accounts(self, *names: str) -> list[int]:
        return [await self.account(name) for name in names]

    async def post(
        self,
        author: int,
        *,
        visibility: str = "public",
        mentions: Sequence[int] = (),
        tags: Sequence[str] = (),
        reply_to: int | None = None,
        reblog_of: int | None = None,
        media: bool = False,
    ) -> int:
        status_id = cast(
            int,
            await self.run(
                "WITH minted AS (SELECT mint_ordered_id() AS id)"
                " INSERT INTO statuses (id, account_id, visibility, text, html, conversation_id,"
                "   in_reply_to_id, in_reply_to_account_id, reblog_of_id)"
                " SELECT id, $1, $2, 'text', '<p>text</p>', id, $3,"
                "   (SELECT account_id FROM statuses WHERE id = $3), $4 FROM minted RETURNING id",
                author,
                visibility,
                reply_to,
                reblog_of,
            ),
        )
        for mentioned in mentions:
            await self.run("INSERT INTO status_mentions VALUES ($1, $2)", status_id, mentioned)
        for tag in tags:
            await self.run(
                "WITH tag AS (INSERT INTO tags (name, display) VALUES ($2, $2)"
                "   ON CONFLICT (name) DO UPDATE SET display = tags.display RETURNING id)"
                " INSERT INTO status_tags SELECT id, $1 FROM tag",
                status_id,
                tag,
            )
        if media:
            await self.run(
                "INSERT INTO media (account_id, status_id, type, content_type, key)"
                " VALUES ($1, $2, 'image', 'image/png', 'k')",
                author,
                status_id,
            )
        return status_id

    async def delete(self, status_id: int) -> None:
        await self.run("DELETE FROM statuses WHERE id = $1", status_id)

    async def follow(self, account_id: int, target_id: int) -> None:
        await self.run(
            "INSERT INTO follows (account_id, target_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            account_id,
            target_id,
        )

    async def relate(self, table: str, account_id: int, target_id: int) -> None:
        """`table`: blocks or mutes."""
        await self.run(f"INSERT INTO {table} (account_id, target_id) VALUES ($1, $2)", account_id, target_id)
