"""Drawn data -> client JSON, field by field as Mastodon 4.5 documents it. Pure.

A status is rendered once for everybody, as two pieces around its author's JSON; what differs between viewers
(favourited, reblogged, ...) comes last, so that it is spliced in by appending one of a few ready suffixes.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from api.links import Links
from db.entities import (
    Account,
    AccountStats,
    Application,
    List,
    Media,
    Mention,
    Notification,
    Relationship,
    Status,
    StatusStats,
    Tag,
)


@dataclass(frozen=True, slots=True)
class StatusParts:
    """Everything that one status is drawn from, except its author."""

    status: Status
    username: str
    stats: StatusStats
    application: Application | None = None
    media: Sequence[Media] = ()
    mentions: Sequence[Mention] = ()
    tags: Sequence[Tag] = ()


def moment(value: dt.datetime) -> str:
    """A time as Mastodon writes it: UTC, milliseconds, Z."""
    return value.astimezone(dt.UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def extended(entity: bytes, members: dict[str, Any]) -> bytes:
    """A rendered object with more members at its end."""
    return b"%b,%b" % (entity[:-1], orjson.dumps(members)[1:])


def render_account(account: Account, stats: AccountStats, *, links: Links) -> bytes:
    """An Account. A suspended one keeps its name and loses its profile, as in Mastodon."""
    suspended = account.suspended_at is not None
    avatar = links.avatar(None if suspended else account.avatar_key)
    header = links.header(None if suspended else account.header_key)
    body = {
        "id": str(account.id),
        "username": account.username,
        "acct": account.username,
        "display_name": "" if suspended else account.display_name,
        "locked": account.locked and not suspended,
        "bot": account.bot and not suspended,
        "discoverable": account.discoverable and not suspended,
        "indexable": account.indexable and not suspended,
        "group": False,
        # Midnight, as Mastodon: the hour of a registration is nobody's business.
        "created_at": moment(account.created_at)[:10] + "T00:00:00.000Z",
        "note": "" if suspended else account.note_html,
        "url": links.account(account.username),
        "uri": links.account_uri(account.username),
        "avatar": avatar,
        "avatar_static": avatar,
        "header": header,
        "header_static": header,
        "followers_count": stats.followers,
        "following_count": stats.following,
        "statuses_count": stats.statuses,
        "last_status_at": moment(stats.last_status_at)[:10] if stats.last_status_at else None,
        "hide_collections": account.hide_collections,
        "noindex": not account.indexable,
        "emojis": [],
        "roles": [],
        "fields": [] if suspended else render_fields(account.fields),
    }
    if suspended:
        body["suspended"] = True
    return orjson.dumps(body)


def render_fields(fields: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Profile fields with their safe HTML."""
    return [
        {
            "name": field.get("name", ""),
            "value": field.get("value_html", ""),
            "verified_at": field.get("verified_at"),
        }
        for field in fields
    ]


def render_status(parts: StatusParts, *, links: Links) -> tuple[bytes, bytes]:
    """The two pieces of a Status around its author's JSON; a reblog's second piece ends where the reblogged
    status begins. Neither closes the object: the viewer's flags do (`api/flags.py`)."""
    status = parts.status
    before: dict[str, Any] = {
        "id": str(status.id),
        "created_at": moment(status.created_at),
        "in_reply_to_id": _id(status.in_reply_to_id),
        "in_reply_to_account_id": _id(status.in_reply_to_account_id),
        "sensitive": status.sensitive,
        "spoiler_text": status.spoiler_text,
        "visibility": status.visibility,
        "language": status.language,
        "uri": links.status_uri(username=parts.username, status_id=status.id),
        "url": links.status(username=parts.username, status_id=status.id),
        "replies_count": parts.stats.replies,
        "reblogs_count": parts.stats.reblogs,
        "favourites_count": parts.stats.favourites,
        "quotes_count": 0,
        "edited_at": moment(status.edited_at) if status.edited_at else None,
        "content": status.html,
    }
    if parts.application is not None:
        before["application"] = {"name": parts.application.name, "website": parts.application.website}
    after: dict[str, Any] = {
        "media_attachments": [render_media(media, links=links) for media in parts.media],
        "mentions": [render_mention(mention, links=links) for mention in parts.mentions],
        "tags": [{"name": tag.display, "url": links.tag(tag.name)} for tag in parts.tags],
        "emojis": [],
        "card": None,
        "poll": None,
        "quote": None,
        # Nobody can quote here yet, and clients that know the field must not offer it.
        "quote_approval": {"automatic": [], "manual": [], "current_user": "denied"},
    }
    tail = b',"reblog":' if status.reblog_of_id is not None else b',"reblog":null'
    return (
        orjson.dumps(before)[:-1] + b',"account":',
        b"," + orjson.dumps(after)[1:-1] + tail,
    )


def render_mention(mention: Mention, *, links: Links) -> dict[str, str]:
    """A Status::Mention."""
    return {
        "id": str(mention.account_id),
        "username": mention.username,
        "url": links.account(mention.username),
        "acct": mention.username,
    }


def render_media(media: Media, *, links: Links) -> dict[str, Any]:
    """A MediaAttachment. The preview of what has none is the thing itself."""
    url = links.blob_url(media.key)
    return {
        "id": str(media.id),
        "type": media.type,
        "url": url,
        "preview_url": links.blob_url(media.preview_key) if media.preview_key else url,
        "remote_url": None,
        "preview_remote_url": None,
        "text_url": None,
        "meta": media.meta,
        "description": media.description,
        "blurhash": media.blurhash,
    }


def render_notification(notification: Notification, *, account: bytes, status: bytes | None) -> bytes:
    """A Notification around an account and a status that are rendered already."""
    head = orjson.dumps(
        {
            "id": str(notification.id),
            "type": notification.type,
            "created_at": moment(notification.created_at),
            "group_key": f"ungrouped-{notification.id}",
        }
    )
    if status is None:
        return b'%b,"account":%b}' % (head[:-1], account)
    return b'%b,"account":%b,"status":%b}' % (head[:-1], account, status)


def render_relationship(relationship: Relationship) -> dict[str, Any]:
    """A Relationship."""
    return {
        "id": str(relationship.id),
        "following": relationship.following,
        "showing_reblogs": relationship.showing_reblogs,
        "notifying": relationship.notifying,
        "languages": relationship.languages,
        "followed_by": relationship.followed_by,
        "blocking": relationship.blocking,
        "blocked_by": relationship.blocked_by,
        "muting": relationship.muting,
        "muting_notifications": relationship.muting_notifications,
        "muting_expires_at": (
            moment(relationship.muting_expires_at) if relationship.muting_expires_at else None
        ),
        "requested": relationship.requested,
        "requested_by": relationship.requested_by,
        "domain_blocking": relationship.domain_blocking,
        "endorsed": relationship.endorsed,
        "note": relationship.note,
    }


def render_list(listed: List) -> dict[str, Any]:
    """A List."""
    return {
        "id": str(listed.id),
        "title": listed.title,
        "replies_policy": listed.replies_policy,
        "exclusive": listed.exclusive,
    }


def _id(value: int | None) -> str | None:
    return None if value is None else str(value)
