"""Frozen dataclasses that mirror the tables which are read as a whole; column names are the field names.

Built from records by `record_to(Kind, record)`: a query selects the columns by name, in any order.
"""

import datetime as dt
from collections.abc import Hashable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, TypeVar, cast

from asyncpg import Record

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """A public profile. `note` and `fields[].value` are as typed, the `_html` ones safe to show."""

    id: int
    username: str
    display_name: str
    note: str
    note_html: str
    fields: list[dict[str, Any]]  # [{name, value, value_html, verified_at}]
    avatar_key: str | None
    header_key: str | None
    locked: bool
    bot: bool
    discoverable: bool
    indexable: bool
    hide_collections: bool
    created_at: dt.datetime
    suspended_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class AccountStats:
    """Counts of an account, apart from it because they change all the time."""

    account_id: int
    statuses: int = 0
    followers: int = 0
    following: int = 0
    last_status_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class User:
    """Who can sign in to an account, and with which defaults."""

    account_id: int
    email: str
    password_hash: str
    role: str
    locale: str
    demo: bool
    default_privacy: str
    default_sensitive: bool
    default_language: str | None
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Status:
    """A post, a reply or a reblog (then only the wrapper's own columns mean something)."""

    id: int
    account_id: int
    visibility: str
    text: str
    html: str
    spoiler_text: str
    sensitive: bool
    language: str | None
    in_reply_to_id: int | None
    in_reply_to_account_id: int | None
    conversation_id: int
    reblog_of_id: int | None
    app_id: int | None
    created_at: dt.datetime
    edited_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class StatusStats:
    """Counts of a status."""

    status_id: int
    replies: int = 0
    reblogs: int = 0
    favourites: int = 0


@dataclass(frozen=True, slots=True)
class Application:
    """What the application that posted a status shows of itself."""

    name: str
    website: str | None


@dataclass(frozen=True, slots=True)
class Media:
    """An uploaded file; attached once `status_id` is set."""

    id: int
    account_id: int
    status_id: int | None
    position: int
    type: str
    content_type: str
    key: str
    preview_key: str | None
    meta: dict[str, Any]
    blurhash: str | None
    description: str | None
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Mention:
    """An account mentioned in a status."""

    status_id: int
    account_id: int
    username: str


@dataclass(frozen=True, slots=True)
class Tag:
    """A hashtag of a status. `name` is normalised, `display` as first typed."""

    status_id: int
    name: str
    display: str


@dataclass(frozen=True, slots=True)
class Notification:
    """Somebody did something that `account_id` should know of."""

    id: int
    account_id: int
    type: str
    from_account_id: int
    status_id: int | None
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Relationship:
    """How one account stands to the account `id`, in Mastodon's words."""

    id: int
    following: bool = False
    showing_reblogs: bool = False
    notifying: bool = False
    languages: list[str] | None = None
    followed_by: bool = False
    blocking: bool = False
    blocked_by: bool = False
    muting: bool = False
    muting_notifications: bool = False
    muting_expires_at: dt.datetime | None = None
    requested: bool = False
    requested_by: bool = False
    domain_blocking: bool = False
    endorsed: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class List:
    """A named set of accounts that somebody reads apart."""

    id: int
    account_id: int
    title: str
    replies_policy: str
    exclusive: bool
    created_at: dt.datetime


@cache
def _names(kind: Hashable) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cast(type[Any], kind)))


def record_to(kind: type[T], record: Record) -> T:
    """The entity in `record`, which must have a column for every field and may have more."""
    return kind(*[record[name] for name in _names(cast(Hashable, kind))])
