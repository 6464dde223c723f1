"""Threads: what a status answers, and what answers it. Ids only; who may see them is not decided here."""

from db.pool import Connection

ANCESTORS = """
WITH RECURSIVE up (id, parent_id, depth) AS (
    SELECT id, in_reply_to_id, 0 FROM statuses WHERE id = $1
    UNION ALL
    SELECT parent.id, parent.in_reply_to_id, up.depth + 1
    FROM up JOIN statuses parent ON parent.id = up.parent_id
    WHERE up.depth < $2
)
SELECT id FROM up WHERE depth > 0 ORDER BY depth DESC
"""


async def ancestors(conn: Connection, *, status_id: int, limit: int) -> list[int]:
    """What a status answers, and what that answers, oldest first: at most the `limit` nearest."""
    return [row["id"] for row in await conn.fetch(ANCESTORS, status_id, limit)]


# Level by level; LIMIT ends the recursion as soon as there are enough.
DESCENDANTS = """
WITH RECURSIVE down (id, parent_id, depth) AS (
    SELECT id, in_reply_to_id, 0 FROM statuses WHERE id = $1
    UNION ALL
    SELECT reply.id, reply.in_reply_to_id, down.depth + 1
    FROM down JOIN statuses reply ON reply.in_reply_to_id = down.id
    WHERE down.depth < $3
)
SELECT id, parent_id FROM down OFFSET 1 LIMIT $2
"""


async def descendants(conn: Connection, *, status_id: int, limit: int, depth: int) -> list[tuple[int, int]]:
    """Answers and answers to answers, as (id, what it answers), nearest levels first."""
    return [(row["id"], row["parent_id"]) for row in await conn.fetch(DESCENDANTS, status_id, limit, depth)]
