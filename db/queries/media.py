"""Uploaded files: born without a status, attached to one, or swept away."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from db.entities import Media, record_to
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class NewMedia:
    """An upload whose objects are stored."""

    account_id: int
    type: str
    content_type: str
    key: str
    preview_key: str | None
    meta: dict[str, Any]
    blurhash: str | None
    description: str | None


INSERT = """
INSERT INTO media (account_id, type, content_type, key, preview_key, meta, blurhash, description)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8)
RETURNING id, account_id, status_id, position, type, content_type, key, preview_key, meta, blurhash,
    description, created_at
"""


async def insert(conn: Connection, *, new: NewMedia) -> Media:
    """Keep an upload."""
    row = await conn.fetchrow(
        INSERT,
        new.account_id,
        new.type,
        new.content_type,
        new.key,
        new.preview_key,
        new.meta,
        new.blurhash,
        new.description,
    )
    assert row is not None
    return record_to(Media, row)


OWN = """
SELECT id, account_id, status_id, position, type, content_type, key, preview_key, meta, blurhash,
    description, created_at
FROM media WHERE account_id = $1 AND id = ANY($2::bigint[])
"""


async def own(conn: Connection, *, account_id: int, ids: Sequence[int]) -> dict[int, Media]:
    """Those of these media that belong to the account, attached or not."""
    return {row["id"]: record_to(Media, row) for row in await conn.fetch(OWN, account_id, ids)}


DESCRIBE = """
UPDATE media SET
    description = CASE WHEN $2::text IS NULL THEN description ELSE nullif($2::text, '') END,
    meta = CASE WHEN $3::jsonb IS NULL THEN meta ELSE meta || jsonb_build_object('focus', $3::jsonb) END
WHERE id = $1
"""


async def describe(
    conn: Connection, *, media_id: int, description: str | None, focus: dict[str, float] | None
) -> None:
    """Change what is said about a file; None leaves it, an empty description removes it."""
    await conn.execute(DESCRIBE, media_id, description, focus)


ATTACH = """
UPDATE media SET status_id = given.status_id, position = given.position
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::smallint[])
    AS given (id, account_id, status_id, position)
WHERE media.id = given.id AND media.account_id = given.account_id
    AND (media.status_id IS NULL OR media.status_id = given.status_id)
RETURNING media.id
"""


async def attach(conn: Connection, *, places: Sequence[tuple[int, int, int, int]]) -> int:
    """Attach the author's free media: (id, author, status, position); how many that was."""
    columns = [list(column) for column in zip(*places, strict=True)]
    return len(await conn.fetch(ATTACH, *columns))


DETACH = "UPDATE media SET status_id = NULL WHERE status_id = $1 AND id <> ALL($2::bigint[])"


async def detach(conn: Connection, *, status_id: int, keep: Sequence[int]) -> None:
    """Take all other media off a status."""
    await conn.execute(DETACH, status_id, keep)


DELETE = """
DELETE FROM media WHERE account_id = $1 AND id = ANY($2::bigint[]) RETURNING key, preview_key
"""


async def delete(conn: Connection, *, account_id: int, ids: Sequence[int]) -> list[str]:
    """Delete media of an account; the keys of the objects that nothing names any more."""
    return _keys(await conn.fetch(DELETE, account_id, ids))


DELETE_FREE = """
DELETE FROM media WHERE account_id = $1 AND id = ANY($2::bigint[]) AND status_id IS NULL
RETURNING key, preview_key
"""


async def delete_free(conn: Connection, *, account_id: int, ids: Sequence[int]) -> list[str]:
    """Delete media of an account that no status has; the keys of their objects."""
    return _keys(await conn.fetch(DELETE_FREE, account_id, ids))


DELETE_UNATTACHED = """
DELETE FROM media WHERE id IN (
    SELECT id FROM media
    WHERE status_id IS NULL AND created_at < now() - make_interval(secs => $1)
    ORDER BY created_at LIMIT $2
) AND status_id IS NULL
RETURNING key, preview_key
"""


async def delete_unattached(conn: Connection, *, keep_s: int, limit: int) -> list[str]:
    """Delete uploads that nobody posted; the keys of the objects that nothing names any more."""
    return _keys(await conn.fetch(DELETE_UNATTACHED, float(keep_s), limit))


def _keys(rows: Sequence[Any]) -> list[str]:
    return [key for row in rows for key in row if key is not None]
