"""Statuses and accounts as this replica knows them: rendered once for everybody, kept true by deliveries.

A `Card` has what rules ask and the JSON around the author; the author's JSON is an `AccountCard`, shared by
all cards of that person. A card notices by itself when one of its parts was replaced (`current`).
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from asyncpg import Record

from api import entities, flags
from api.caching import Cache, Cached
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

R = TypeVar("R", Media, Mention, Tag)


class AccountCard(Cached):
    """An account with its rendered JSON."""

    __slots__ = ("account", "id", "json", "stats", "suspended")

    def __init__(self, account: Account, stats: AccountStats, json: bytes) -> None:
        super().__init__()
        self.id = account.id
        self.account = account
        self.stats = stats
        self.suspended = account.suspended_at is not None
        self.json = json


class Card(Cached):
    """A status: what rules need, and its JSON for every kind of viewer.

    `author` and, for a reblog, `inner` are linked by `Cards` before anyone sees the card.
    """

    __slots__ = (
        "_after",
        "_before",
        "_inner_author",
        "_linked",
        "_plain",
        "account_id",
        "author",
        "conversation_id",
        "created_at",
        "has_media",
        "id",
        "in_reply_to_account_id",
        "in_reply_to_id",
        "inner",
        "language",
        "mentioned",
        "people",
        "proper",
        "reblog_of_id",
        "tags",
        "visibility",
    )

    author: AccountCard
    inner: "Card | None"
    proper: "Card"  # the reblogged status, or this one
    people: frozenset[int]  # everybody whose block or mute concerns this status

    def __init__(self, parts: entities.StatusParts, pieces: tuple[bytes, bytes]) -> None:
        super().__init__()
        status = parts.status
        self.id: int = status.id
        self.account_id: int = status.account_id
        self.visibility: str = status.visibility
        self.conversation_id: int = status.conversation_id
        self.language: str | None = status.language
        self.in_reply_to_id: int | None = status.in_reply_to_id
        self.in_reply_to_account_id: int | None = status.in_reply_to_account_id
        self.reblog_of_id: int | None = status.reblog_of_id
        self.created_at: dt.datetime = status.created_at
        self.mentioned = frozenset(mention.account_id for mention in parts.mentions)
        self.tags = frozenset(tag.name for tag in parts.tags)
        self.has_media = bool(parts.media)
        self._before, self._after = pieces
        self._linked = False
        self._plain: bytes | None = None

    def link(self, author: AccountCard, inner: "Card | None") -> None:
        """Attach the parts that have a life of their own."""
        self.author = author
        self.inner = inner
        self.proper = inner or self
        self._inner_author = inner.author if inner is not None else None
        people = {self.account_id, *self.mentioned}
        if self.in_reply_to_account_id is not None:
            people.add(self.in_reply_to_account_id)
        self.people = frozenset(people) if inner is None else frozenset(people | inner.people)
        self._plain = None
        self._linked = True

    @property
    def current(self) -> bool:
        """Whether everything that the card was drawn from is still what its parts say."""
        if not self._linked or not self.author.fresh:
            return False
        inner = self.inner
        if inner is None:
            return True
        return inner.fresh and inner.author.fresh and inner.author is self._inner_author

    def plain(self) -> bytes:
        """The JSON for a signed-in viewer who did nothing with this status: nearly always."""
        plain = self._plain
        if plain is None:
            ending = flags.ENDINGS[0] if self.inner is None else flags.REBLOG_ENDINGS[0]
            plain = self._plain = self._head() + ending
        return plain

    def flagged(self, bits: int) -> bytes:
        """The JSON for a viewer with these flags."""
        if not bits:
            return self.plain()
        endings = flags.ENDINGS if self.inner is None else flags.REBLOG_ENDINGS
        return self.plain()[: -len(endings[0])] + endings[bits]

    def anonymous(self) -> bytes:
        """The JSON for nobody in particular: without the flags."""
        if self.inner is None:
            return self.plain()[: -len(flags.ENDINGS[0])] + flags.ANONYMOUS
        return self.plain()[: -len(flags.REBLOG_ENDINGS[0])] + flags.ANONYMOUS_REBLOG

    def _head(self) -> bytes:
        if self.inner is None:
            return b"%b%b%b" % (self._before, self.author.json, self._after)
        return b"%b%b%b%b" % (self._before, self.author.json, self._after, self.inner._head())


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

    def forget_status(self, status_id: int) -> None:
        """A status changed or is gone."""
        self._statuses.forget(status_id)

    def forget_account(self, account_id: int) -> None:
        """A profile or its counts changed."""
        self._accounts.forget(account_id)

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
            originals = [record["id"] for record in records if record["reblog_of_id"] is None]
            media = _grouped(await queries.media(conn, status_ids=originals) if originals else [])
            mentions = _grouped(await queries.mentions(conn, status_ids=originals) if originals else [])
            tags = _grouped(await queries.tags(conn, status_ids=originals) if originals else [])
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
