"""Finding statuses by their words and hashtags by how they begin. People are in accounts.search."""

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.ids import ID_MAX
from db.entities import record_to
from db.patterns import escape_like, prefix_range
from db.pool import Connection

# What is looked through without an index over texts, which every post would pay for: one's own newest
# 2,000 statuses, the newest 2,000 that mention one, and the newest 5,000 public ones: about 100 ms, nearly
# all of it comparing text without regard to case.
STATUSES = """
    WITH candidates AS (
        (SELECT id FROM statuses WHERE account_id = $1 AND reblog_of_id IS NULL ORDER BY id DESC LIMIT 2000)
        UNION
        (SELECT status_id FROM status_mentions WHERE account_id = $1 ORDER BY status_id DESC LIMIT 2000)
        UNION
        (SELECT statuses.id FROM statuses
            JOIN accounts ON accounts.id = statuses.account_id AND accounts.indexable
            WHERE visibility = 'public' AND reblog_of_id IS NULL ORDER BY statuses.id DESC LIMIT 5000)
    )
    SELECT statuses.id FROM candidates
    JOIN statuses ON statuses.id = candidates.id
    WHERE statuses.spoiler_text || ' ' || statuses.text ILIKE ALL ($2::text[])
        AND statuses.id > $3 AND statuses.id < $4
        AND ($5::bigint IS NULL OR statuses.account_id = $5)
    ORDER BY statuses.id DESC
    LIMIT $6 OFFSET $7
"""


@dataclass(frozen=True, slots=True)
class StatusesWanted:
    """Which statuses a search is for."""

    words: Sequence[str]
    low: int = 0
    high: int = ID_MAX
    author_id: int | None = None
    limit: int = 20
    offset: int = 0


async def statuses(conn: Connection, *, account_id: int, wanted: StatusesWanted) -> list[int]:
    """Statuses that contain every word, newest first. Whether the person may see them is for the rules."""
    rows = await conn.fetch(
        STATUSES,
        account_id,
        [f"%{escape_like(word)}%" for word in wanted.words],
        wanted.low,
        wanted.high,
        wanted.author_id,
        wanted.limit,
        wanted.offset,
    )
    return [row["id"] for row in rows]


@dataclass(frozen=True, slots=True)
class Hashtag:
    """A hashtag that somebody has used."""

    id: int
    name: str
    display: str


TAGS = """
    SELECT id, name, display FROM tags
    WHERE name ~>=~ $1 AND name ~<~ $2
    ORDER BY length(name), name
    LIMIT $3 OFFSET $4
"""


async def tags(conn: Connection, *, prefix: str, limit: int, offset: int) -> list[Hashtag]:
    """Hashtags that begin with `prefix` (normalised), the shortest first."""
    rows = await conn.fetch(TAGS, *prefix_range(prefix), limit, offset)
    return [record_to(Hashtag, row) for row in rows]


TAG = "SELECT id, name, display FROM tags WHERE name = $1"


async def tag(conn: Connection, *, name: str) -> Hashtag | None:
    """The hashtag with this normalised name, when somebody has used it."""
    row = await conn.fetchrow(TAG, name)
    return record_to(Hashtag, row) if row else None


TAG_HISTORY = """
    SELECT asked.id AS tag_id, (recent.status_id >> 16) / 86400000 AS day,
        count(*) AS uses, count(DISTINCT statuses.account_id) AS accounts
    FROM unnest($1::bigint[]) AS asked (id)
    CROSS JOIN LATERAL (
        SELECT status_id FROM status_tags WHERE tag_id = asked.id AND status_id >= $2
        ORDER BY status_id DESC LIMIT 5000  -- a busier tag's older days read low; its rank does not change
    ) recent
    JOIN statuses ON statuses.id = recent.status_id AND statuses.visibility = 'public'
    GROUP BY asked.id, day
"""


@dataclass(frozen=True, slots=True)
class TagDay:
    """How much a hashtag was used on one day; `day` counts days since 1970."""

    tag_id: int
    day: int
    uses: int
    accounts: int


async def tag_history(conn: Connection, *, tag_ids: Sequence[int], since_id: int) -> list[TagDay]:
    """Public uses by day of statuses from `since_id` on; days without any are absent."""
    rows = await conn.fetch(TAG_HISTORY, list(tag_ids), since_id)
    return [record_to(TagDay, row) for row in rows]
