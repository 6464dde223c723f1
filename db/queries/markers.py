"""How far somebody has read: one marker each for home and notifications."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from db.entities import record_to
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class Marker:
    """The last entry read in one timeline; `version` counts the changes."""

    timeline: str
    last_read_id: int
    version: int
    updated_at: dt.datetime


OF_ACCOUNT = """
    SELECT timeline, last_read_id, version, updated_at
    FROM markers WHERE account_id = $1 AND timeline = ANY($2::text[])
    ORDER BY timeline
"""


async def of_account(conn: Connection, *, account_id: int, timelines: Sequence[str]) -> list[Marker]:
    """Those of the asked markers that were ever set."""
    return [record_to(Marker, row) for row in await conn.fetch(OF_ACCOUNT, account_id, list(timelines))]


UPSERT = """
    INSERT INTO markers (account_id, timeline, last_read_id)
    SELECT $1, timeline, last_read_id
    FROM unnest($2::text[], $3::bigint[]) AS given (timeline, last_read_id)
    ORDER BY timeline
    ON CONFLICT (account_id, timeline) DO UPDATE SET
        last_read_id = excluded.last_read_id,
        version = markers.version + 1,
        updated_at = now()
    RETURNING timeline, last_read_id, version, updated_at
"""


async def upsert(conn: Connection, *, account_id: int, read: dict[str, int]) -> list[Marker]:
    """Set markers: timeline -> last entry read."""
    rows = await conn.fetch(UPSERT, account_id, list(read), list(read.values()))
    return [record_to(Marker, row) for row in rows]
