"""What live delivery asks of the truth: one question for a round of statuses and all who are listening."""

from collections.abc import Sequence

from asyncpg import Record

from db.pool import Connection

ALLOWED = """
    SELECT statuses.id, reader.account_id
    FROM statuses
    CROSS JOIN unnest($2::bigint[]) AS reader (account_id)
    WHERE statuses.id = ANY($1::bigint[])
        AND (reader.account_id = statuses.account_id
            OR EXISTS (SELECT FROM status_mentions mention
                WHERE (mention.status_id, mention.account_id) = (statuses.id, reader.account_id))
            OR (statuses.visibility = 'private' AND EXISTS (SELECT FROM follows
                WHERE (follows.account_id, follows.target_id) = (reader.account_id, statuses.account_id))))
        AND NOT EXISTS (SELECT FROM blocks
            WHERE (blocks.account_id, blocks.target_id) = (statuses.account_id, reader.account_id))
"""


async def allowed(
    conn: Connection, *, status_ids: Sequence[int], account_ids: Sequence[int]
) -> set[tuple[int, int]]:
    """(status, account) for those of these accounts that may see these private or direct statuses now."""
    rows = await conn.fetch(ALLOWED, status_ids, account_ids)
    return {(row["id"], row["account_id"]) for row in rows}


REACTIONS = """
    SELECT account_id, status_id, 'favourite' AS kind FROM favourites
    WHERE status_id = ANY($1::bigint[]) AND account_id = ANY($2::bigint[])
    UNION ALL
    SELECT account_id, reblog_of_id, 'reblog' FROM statuses
    WHERE reblog_of_id = ANY($1::bigint[]) AND account_id = ANY($2::bigint[])
    UNION ALL
    SELECT account_id, status_id, 'bookmark' FROM bookmarks
    WHERE status_id = ANY($1::bigint[]) AND account_id = ANY($2::bigint[])
    UNION ALL
    SELECT account_id, status_id, 'pin' FROM pins
    WHERE status_id = ANY($1::bigint[]) AND account_id = ANY($2::bigint[])
"""


async def reactions(
    conn: Connection, *, status_ids: Sequence[int], account_ids: Sequence[int]
) -> list[Record]:
    """(account_id, status_id, kind) for what these accounts did with these statuses."""
    return await conn.fetch(REACTIONS, status_ids, account_ids)


LISTS_SHOWING = """
    SELECT statuses.id AS status_id, lists.id AS list_id
    FROM statuses
    JOIN list_members member ON member.account_id = statuses.account_id
    JOIN lists ON lists.id = member.list_id AND lists.id = ANY($2::bigint[])
    LEFT JOIN follows
        ON follows.account_id = lists.account_id AND follows.target_id = statuses.account_id
    WHERE statuses.id = ANY($1::bigint[])
        AND statuses.visibility <> 'direct'
        AND (statuses.reblog_of_id IS NULL OR coalesce(follows.show_reblogs, true))
        AND (statuses.in_reply_to_id IS NULL
            OR statuses.in_reply_to_account_id = statuses.account_id
            OR (lists.replies_policy <> 'none' AND statuses.in_reply_to_account_id = lists.account_id)
            OR (lists.replies_policy = 'list' AND EXISTS (SELECT FROM list_members other
                WHERE (other.list_id, other.account_id) = (lists.id, statuses.in_reply_to_account_id)))
            OR (lists.replies_policy = 'followed' AND EXISTS (SELECT FROM follows followed
                WHERE (followed.account_id, followed.target_id)
                    = (lists.account_id, statuses.in_reply_to_account_id))))
"""


async def lists_showing(
    conn: Connection, *, status_ids: Sequence[int], list_ids: Sequence[int]
) -> list[tuple[int, int]]:
    """(status, list) for those of these lists that contain these statuses, as the list's timeline does."""
    rows = await conn.fetch(LISTS_SHOWING, status_ids, list_ids)
    return [(row["status_id"], row["list_id"]) for row in rows]
