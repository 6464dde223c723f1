"""Cards, viewers and news by hand, for tests of the read path that need no database."""

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any

from actors.ports import Head
from api import entities
from api.cards import AccountCard, Card
from api.links import Links
from cluster.errors import Unavailable
from cluster.events import Batch, Delivery, Event, OutboxRow
from db.entities import Account, AccountStats, Application, Media, Mention, Status, StatusStats, Tag

LINKS = Links("https://social.test", lambda key: f"https://social.test/media/{key}")
THEN = dt.datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=dt.UTC)
_numbers = itertools.count(1)


def make_account(account_id: int, **members: Any) -> AccountCard:
    """An account card; `members` are columns of `Account`."""
    columns: dict[str, Any] = {
        "username": f"person{account_id}",
        "display_name": "",
        "note": "",
        "note_html": "",
        "fields": [],
        "avatar_key": None,
        "header_key": None,
        "locked": False,
        "bot": False,
        "discoverable": True,
        "indexable": True,
        "hide_collections": False,
        "created_at": THEN,
        "suspended_at": None,
    }
    account = Account(id=account_id, **{**columns, **members})
    stats = AccountStats(account_id, 3, 2, 1, THEN)
    return AccountCard(account, stats, entities.render_account(account, stats, links=LINKS))


def make_parts(
    status_id: int,
    *,
    account_id: int = 1,
    mentions: Sequence[int] = (),
    tags: Sequence[str] = (),
    media: Sequence[Media] = (),
    application: Application | None = None,
    **members: Any,
) -> entities.StatusParts:
    """What a status is drawn from; `members` are columns of `Status`."""
    columns: dict[str, Any] = {
        "visibility": "public",
        "text": "hello",
        "html": "<p>hello</p>",
        "spoiler_text": "",
        "sensitive": False,
        "language": "en",
        "in_reply_to_id": None,
        "in_reply_to_account_id": None,
        "conversation_id": status_id,
        "reblog_of_id": None,
        "app_id": None,
        "created_at": THEN,
        "edited_at": None,
    }
    status = Status(id=status_id, account_id=account_id, **{**columns, **members})
    return entities.StatusParts(
        status=status,
        username=f"person{account_id}",
        stats=StatusStats(status_id, 1, 2, 3),
        application=application,
        media=media,
        mentions=[Mention(status_id, mentioned, f"person{mentioned}") for mentioned in mentions],
        tags=[Tag(status_id, tag, tag) for tag in tags],
    )


def make_card(
    *, account_id: int = 1, inner: Card | None = None, suspended: bool = False, **members: Any
) -> Card:
    """A linked card; `inner` makes it a reblog."""
    status_id = members.pop("status_id", None) or next(_numbers)
    if inner is not None:
        members["reblog_of_id"] = inner.id
    parts = make_parts(status_id, account_id=account_id, **members)
    card = Card(parts, entities.render_status(parts, links=LINKS))
    card.link(make_account(account_id, suspended_at=THEN if suspended else None), inner)
    return card


class FakeNews:
    """An inbox that the test moves by hand."""

    def __init__(self) -> None:
        self.is_fresh = True
        self.available = True
        self.heads: dict[int, Head] = {}
        self.references: dict[int, int] = {}

    def fresh(self, _shard: str | None = None) -> bool:
        return self.is_fresh

    async def watch(self, account_ids: Sequence[int]) -> list[Head]:
        if not self.available:
            raise Unavailable
        for account_id in account_ids:
            self.references[account_id] = self.references.get(account_id, 0) + 1
        return [self.heads.get(account_id) or make_head(account_id) for account_id in account_ids]

    def unwatch(self, account_ids: Sequence[int]) -> None:
        for account_id in account_ids:
            self.references[account_id] -= 1


def make_head(account_id: int, *ids: int, floor: int = 0, sequence: int = 0) -> Head:
    """A head of shard s, epoch 1."""
    return Head(account_id, tuple(sorted(ids, reverse=True)), floor, "s", 1, sequence)


def delivered(event: Event, *audience: int, sequence: int = 1, epoch: int = 1) -> tuple[Delivery, Batch]:
    """One delivery and the batch that it came in."""
    delivery = Delivery(OutboxRow(next(_numbers), event), audience, primary=True)
    return delivery, Batch("s", epoch, sequence, (delivery,))
