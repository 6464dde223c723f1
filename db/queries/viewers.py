"""What a viewer's eyes depend on: relations in both directions, muted threads, own reactions."""

from collections.abc import Sequence

from asyncpg import Record

from db.pool import Connection

BLOCKS = """
    SELECT account_id, target_id FROM blocks WHERE account_id = ANY($1::bigint[])
"""


async def blocks(conn: Connection, *, account_ids: Sequence[int]) -> list[Record]:
    """Whom these accounts block."""
    return await conn.fetch(BLOCKS, account_ids)


BLOCKED_BY = """
    SELECT target_id AS account_id, account_id AS target_id FROM blocks WHERE target_id = ANY($1::bigint[])
"""


async def blocked_by(conn: Connection, *, account_ids: Sequence[int]) -> list[Record]:
    """Who blocks these accounts, as `target_id`."""
    return await conn.fetch(BLOCKED_BY, account_ids)


MUTES = """
    SELECT account_id, target_id, hide_notifications, expires_at
    FROM mutes
    WHERE account_id = ANY($1::bigint[]) AND (expires_at IS NULL OR expires_at > now())
"""


async def mutes(conn: Connection, *, account_ids: Sequence[int]) -> list[Record]:
    """Whom these accounts mute at this moment."""
    return await conn.fetch(MUTES, account_ids)


FOLLOWS = """
    SELECT account_id, target_id, show_reblogs, notify, languages
    FROM follows
    WHERE account_id = ANY($1::bigint[])
"""


async def follows(conn: Connection, *, account_ids: Sequence[int]) -> list[Record]:
    """Whom these accounts follow, and how."""
    return await conn.fetch(FOLLOWS, account_ids)


MUTED_CONVERSATIONS = """
    SELECT account_id, conversation_id AS target_id
    FROM conversation_mutes
    WHERE account_id = ANY($1::bigint[])
"""


async def muted_conversations(conn: Connection, *, account_ids: Sequence[int]) -> list[Record]:
    """Which threads these accounts do not want to hear of, as `target_id`."""
    return await conn.fetch(MUTED_CONVERSATIONS, account_ids)


REACTIONS = """
    SELECT status_id, 'favourite' AS kind FROM favourites
    WHERE account_id = $1 AND status_id = ANY($2::bigint[])
    UNION ALL
    SELECT reblog_of_id, 'reblog' FROM statuses
    WHERE account_id = $1 AND reblog_of_id = ANY($2::bigint[])
    UNION ALL
    SELECT status_id, 'bookmark' FROM bookmarks
    WHERE account_id = $1 AND status_id = ANY($2::bigint[])
    UNION ALL
    SELECT status_id, 'pin' FROM pins
    WHERE account_id = $1 AND status_id = ANY($2::bigint[])
"""


async def reactions(conn: Connection, *, account_id: int, status_ids: Sequence[int]) -> list[Record]:
    """What the account did with these statuses, as (status_id, kind)."""
    return await conn.fetch(REACTIONS, account_id, status_ids)
