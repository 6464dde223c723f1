"""The statuses and accounts that this replica keeps: loaded in batches, kept true by deliveries."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from asyncpg import Record

from api import entities
from api.caching import Cache
from api.card import AccountCard, Card
from api.links import Links
from cluster.events import (
    AccountChanged,
    Batch,
    Delivery,
    Event,
    StatusDeleted,
    StatusEdited,
    StatusPosted,
    StatusTouched,
)
from cluster.settings import Caches
from db.entities import (
    Account,
    AccountStats,
    Application,
    Media,
    Mention,
    Status,
    StatusStats,
    Tag,
    record_to,
)
from db.pool import Pool
from db.queries import cards as queries

__all__ = ["AccountCard", "Card", "Cards"]

R = TypeVar("R", Media, Mention, Tag)


class Cards:
    """The replica's statuses and accounts. While `trusted` says no, every read asks Postgres."""

    def __init__(self, *, pool: Pool, links: Links, limits: Caches, trusted: Callable[[], bool]) -> None:
        self._pool = pool
        self._links = links
        self._statuses = Cache(self._load_statuses, size_max=limits.statuses_max, trusted=trusted)
        self._accounts = Cache(self._load_accounts, size_max=limits.accounts_max, trusted=trusted)
        self._trusted = trusted

    def peek_many(self, ids: Sequence[int]) -> list[Card] | None:
        """All of these cards, in order, when every one is at hand and true; else None. Never waits."""
        if not self._trusted():
            return None
        peek = self._statuses.peek
        found: list[Card] = []
        for status_id in ids:
            card = peek(status_id)
            if card is None or not card.current:
                return None
            found.append(card)
        return found

    async def get_many(self, ids: Iterable[int]) -> dict[int, Card]:
        """The cards that exist, linked to their authors and reblogged statuses."""
        cards = await self._statuses.get_many(ids)
        return await self._linked(cards)

    async def accounts(self, ids: Iterable[int]) -> dict[int, AccountCard]:
        """The accounts that exist."""
        return await self._accounts.get_many(ids)

    def note(self, event: Event) -> None:
        """Forget what this event made stale."""
        if isinstance(event, StatusTouched | StatusEdited | StatusDeleted):
            self._statuses.forget(event.status_id)
        if isinstance(event, AccountChanged | StatusPosted | StatusDeleted):  # posts are counted on profiles
            self._accounts.forget(event.account_id)

    def on_delivery(self, delivery: Delivery, _batch: Batch) -> None:
        """A shard says what happened (`api/inbox.py`)."""
        self.note(delivery.row.event)

    def on_loss(self, _shard: str) -> None:
        """News were lost: anything may be stale."""
        self._statuses.clear()
        self._accounts.clear()

    async def _linked(self, cards: dict[int, Card]) -> dict[int, Card]:
        stale = [card for card in cards.values() if not card.current]
        if not stale:
            return cards
        inner_ids = {card.reblog_of_id for card in stale if card.reblog_of_id is not None}
        inners = await self.get_many(inner_ids) if inner_ids else {}
        authors = await self.accounts({card.account_id for card in stale})
        for card in stale:
            author = authors.get(card.account_id)
            inner = None if card.reblog_of_id is None else inners.get(card.reblog_of_id)
            if author is None or (card.reblog_of_id is not None and inner is None):
                del cards[card.id]  # deleted between the two queries
            else:
                card.link(author, inner)
        return cards

    async def _load_statuses(self, ids: Sequence[int]) -> dict[int, Card]:
        async with self._pool.connection() as conn:
            records = await queries.statuses(conn, ids=ids)
            # Most posts have nothing of one kind or another, and a question not asked is a round trip less.
            with_media, mentioning, tagged = (
                [record["id"] for record in records if record[kind]]
                for kind in ("has_media", "has_mentions", "has_tags")
            )
            media = _grouped(await queries.media(conn, status_ids=with_media) if with_media else [])
            mentions = _grouped(await queries.mentions(conn, status_ids=mentioning) if mentioning else [])
            tags = _grouped(await queries.tags(conn, status_ids=tagged) if tagged else [])
        cards: dict[int, Card] = {}
        for record in records:
            status_id = record["id"]
            parts = _parts(record, media=media[status_id], mentions=mentions[status_id], tags=tags[status_id])
            cards[status_id] = Card(parts, entities.render_status(parts, links=self._links))
        return cards

    async def _load_accounts(self, ids: Sequence[int]) -> dict[int, AccountCard]:
        async with self._pool.connection() as conn:
            records = await queries.accounts(conn, ids=ids)
        loaded: dict[int, AccountCard] = {}
        for record in records:
            account, stats = record_to(Account, record), record_to(AccountStats, record)
            json = entities.render_account(account, stats, links=self._links)
            loaded[account.id] = AccountCard(account, stats, json)
        return loaded


def _parts(
    record: Record, *, media: list[Media], mentions: list[Mention], tags: list[Tag]
) -> entities.StatusParts:
    application = record["app_name"]
    return entities.StatusParts(
        status=record_to(Status, record),
        username=record["username"],
        stats=StatusStats(record["id"], record["replies"], record["reblogs"], record["favourites"]),
        application=Application(application, record["app_website"]) if application is not None else None,
        media=media,
        mentions=mentions,
        tags=tags,
    )


def _grouped(rows: Sequence[R]) -> defaultdict[int, list[R]]:
    groups: defaultdict[int, list[R]] = defaultdict(list)
    for row in rows:
        assert row.status_id is not None
        groups[row.status_id].append(row)
    return groups
