"""Statuses that change: their lock, edits with history, deletion. Writers run under the order lock."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from db.entities import Media, Status, record_to
from db.pool import Connection

LOCK = """
SELECT id, account_id, visibility, text, html, spoiler_text, sensitive, language, in_reply_to_id,
    in_reply_to_account_id, conversation_id, reblog_of_id, app_id, created_at, edited_at
FROM statuses WHERE id = $1 AND account_id = $2 FOR UPDATE
"""


async def lock(conn: Connection, *, status_id: int, account_id: int) -> Status | None:
    """A status of this author that is about to change."""
    row = await conn.fetchrow(LOCK, status_id, account_id)
    return record_to(Status, row) if row else None


@dataclass(frozen=True, slots=True)
class Typed:
    """What an author typed."""

    text: str
    spoiler_text: str


TYPED = "SELECT text, spoiler_text FROM statuses WHERE id = $1"


async def typed(conn: Connection, *, status_id: int) -> Typed | None:
    """The source of a status."""
    row = await conn.fetchrow(TYPED, status_id)
    return Typed(*row) if row else None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What hangs on a status: mentioned accounts, hashtags, attached media, in order."""

    mentions: list[int]
    tags: list[str]
    media_ids: list[int]


SURROUNDINGS = """
SELECT
    ARRAY(SELECT account_id FROM status_mentions WHERE status_id = $1 ORDER BY account_id) AS mentions,
    ARRAY(SELECT name FROM status_tags JOIN tags ON tags.id = tag_id WHERE status_id = $1 ORDER BY tags.id)
        AS tags,
    ARRAY(SELECT id FROM media WHERE status_id = $1 ORDER BY position, id) AS media_ids
"""


async def surroundings(conn: Connection, *, status_id: int) -> Surroundings:
    """What hangs on one status."""
    row = await conn.fetchrow(SURROUNDINGS, status_id)
    assert row is not None
    return Surroundings(*row)


KEEP = """
INSERT INTO status_edits (status_id, text, html, spoiler_text, sensitive, media_ids, created_at)
SELECT id, text, html, spoiler_text, sensitive, $2, coalesce(edited_at, created_at)
FROM statuses WHERE id = $1
"""

EDIT = """
UPDATE statuses SET text = $2, html = $3, spoiler_text = $4, sensitive = $5, language = $6,
    edited_at = clock_timestamp()
WHERE id = $1
"""

UNMENTION = "DELETE FROM status_mentions WHERE status_id = $1 AND account_id <> ALL($2::bigint[])"
UNTAG = """
DELETE FROM status_tags USING tags
WHERE status_tags.status_id = $1 AND tags.id = status_tags.tag_id AND tags.name <> ALL($2::text[])
"""


@dataclass(frozen=True, slots=True)
class Edit:
    """The new version of a status."""

    status_id: int
    text: str
    html: str
    spoiler_text: str
    sensitive: bool
    language: str | None


async def edit(conn: Connection, *, to: Edit, previous_media: Sequence[int]) -> None:
    """Move the current version into history and put the new one in its place."""
    await conn.execute(KEEP, to.status_id, previous_media)
    await conn.execute(EDIT, to.status_id, to.text, to.html, to.spoiler_text, to.sensitive, to.language)


async def drop_mentions(conn: Connection, *, status_id: int, keep: Sequence[int]) -> None:
    """Remove the mentions of everybody else."""
    await conn.execute(UNMENTION, status_id, keep)


async def drop_tags(conn: Connection, *, status_id: int, keep: Sequence[str]) -> None:
    """Remove all other hashtags."""
    await conn.execute(UNTAG, status_id, keep)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a status, and since when it was the current one."""

    html: str
    spoiler_text: str
    sensitive: bool
    media_ids: list[int]
    created_at: dt.datetime


HISTORY = """
SELECT html, spoiler_text, sensitive, media_ids, created_at FROM (
    SELECT html, spoiler_text, sensitive, media_ids, created_at, id FROM status_edits WHERE status_id = $1
    UNION ALL
    SELECT html, spoiler_text, sensitive,
        ARRAY(SELECT media.id FROM media WHERE status_id = $1 ORDER BY position, media.id),
        coalesce(edited_at, created_at), 9223372036854775807
    FROM statuses WHERE id = $1
) versions
ORDER BY id
"""


async def history(conn: Connection, *, status_id: int) -> list[Version]:
    """All versions, oldest first; the last is the current one."""
    return [Version(*row) for row in await conn.fetch(HISTORY, status_id)]


MEDIA = """
SELECT id, account_id, status_id, position, type, content_type, key, preview_key, meta, blurhash,
    description, created_at
FROM media WHERE id = ANY($1::bigint[])
"""


async def media_of_versions(conn: Connection, *, ids: Sequence[int]) -> dict[int, Media]:
    """Media that versions had, as far as they still exist."""
    return {row["id"]: record_to(Media, row) for row in await conn.fetch(MEDIA, ids)}


ANSWERS = "SELECT id, account_id FROM statuses WHERE in_reply_to_id = $1"


async def answers(conn: Connection, *, status_id: int) -> list[tuple[int, int]]:
    """What answers a status directly: (status, author)."""
    return [(row["id"], row["account_id"]) for row in await conn.fetch(ANSWERS, status_id)]


REBLOGGERS = "SELECT account_id FROM statuses WHERE reblog_of_id = $1"


async def rebloggers(conn: Connection, *, status_id: int) -> list[int]:
    """Who reblogged a status."""
    return [row["account_id"] for row in await conn.fetch(REBLOGGERS, status_id)]


@dataclass(frozen=True, slots=True)
class Gone:
    """A status that was deleted."""

    id: int
    account_id: int
    visibility: str


DELETE = """
WITH gone AS (
    DELETE FROM statuses WHERE id = $1 OR reblog_of_id = $1 RETURNING id, account_id, visibility
), counted AS (
    UPDATE account_stats stats SET statuses = greatest(0, stats.statuses - minus.times)
    FROM (
        SELECT account_id, count(*) AS times FROM gone WHERE visibility <> 'direct' GROUP BY account_id
    ) minus
    WHERE stats.account_id = minus.account_id
)
SELECT id, account_id, visibility FROM gone ORDER BY id
"""


async def delete(conn: Connection, *, status_id: int) -> list[Gone]:
    """Delete a status and its reblogs, and uncount them for their authors; itself comes first."""
    return [Gone(*row) for row in await conn.fetch(DELETE, status_id)]
