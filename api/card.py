"""One status, or one account, as a replica keeps it: what rules ask, and JSON rendered once for everybody.

A `Card` has the JSON around its author; the author's JSON is an `AccountCard`, shared by all cards of that
person. A card notices by itself when one of its parts was replaced (`current`).
"""

import datetime as dt

from api import entities, flags
from api.caching import Cached
from db.entities import Account, AccountStats


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
