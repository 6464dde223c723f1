"""Who follows, asks, blocks and mutes whom. Writers call `lock_pair` first: one writer a pair at a time.

An expired mute is no mute: every question here looks at `expires_at`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg import Record

from db.entities import Relationship, record_to
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """What a follow asks for. None leaves an existing follow as it is, or takes Mastodon's default."""

    show_reblogs: bool | None = None
    notify: bool | None = None
    languages: list[str] | None = None  # empty: all languages


RELATIONSHIPS = """
    SELECT target.id,
        follows.account_id IS NOT NULL AS following,
        coalesce(follows.show_reblogs, request.show_reblogs, false) AS showing_reblogs,
        coalesce(follows.notify, request.notify, false) AS notifying,
        coalesce(follows.languages, request.languages) AS languages,
        EXISTS (SELECT FROM follows back
            WHERE (back.account_id, back.target_id) = (target.id, $1)) AS followed_by,
        EXISTS (SELECT FROM blocks
            WHERE (blocks.account_id, blocks.target_id) = ($1, target.id)) AS blocking,
        EXISTS (SELECT FROM blocks
            WHERE (blocks.account_id, blocks.target_id) = (target.id, $1)) AS blocked_by,
        mutes.account_id IS NOT NULL AS muting,
        coalesce(mutes.hide_notifications, false) AS muting_notifications,
        mutes.expires_at AS muting_expires_at,
        request.account_id IS NOT NULL AS requested,
        EXISTS (SELECT FROM follow_requests back
            WHERE (back.account_id, back.target_id) = (target.id, $1)) AS requested_by,
        false AS domain_blocking, false AS endorsed, '' AS note
    FROM unnest($2::bigint[]) WITH ORDINALITY AS asked (id, position)
    JOIN accounts target ON target.id = asked.id
    LEFT JOIN follows ON (follows.account_id, follows.target_id) = ($1, target.id)
    LEFT JOIN follow_requests request ON (request.account_id, request.target_id) = ($1, target.id)
    LEFT JOIN mutes ON (mutes.account_id, mutes.target_id) = ($1, target.id)
        AND (mutes.expires_at IS NULL OR mutes.expires_at > now())
    ORDER BY asked.position
"""


async def relationships(
    conn: Connection, *, account_id: int, target_ids: Sequence[int]
) -> list[Relationship]:
    """How `account_id` stands to each of the targets that exist, in the order asked."""
    rows = await conn.fetch(RELATIONSHIPS, account_id, list(dict.fromkeys(target_ids)))
    return [record_to(Relationship, row) for row in rows]


LOCK_PAIR = """
    SELECT id, locked, suspended_at IS NOT NULL AS suspended
    FROM accounts WHERE id = ANY($1::bigint[])
    ORDER BY id
    FOR NO KEY UPDATE
"""


async def lock_pair(conn: Connection, *, account_id: int, target_id: int) -> Record | None:
    """Serialise writers of this pair until commit; the target's `locked` and `suspended`, or None if absent.

    Both rows, smaller id first: two people acting on each other at once cannot deadlock, and neither can
    miss what the other just did.
    """
    rows = await conn.fetch(LOCK_PAIR, [account_id, target_id])
    return next((row for row in rows if row["id"] == target_id), None)


UPSERT_FOLLOW = """
    INSERT INTO follows (account_id, target_id, show_reblogs, notify, languages)
    VALUES ($1, $2, coalesce($3, true), coalesce($4, false), nullif($5::text[], '{}'))
    ON CONFLICT (account_id, target_id) DO UPDATE SET
        show_reblogs = coalesce($3, follows.show_reblogs),
        notify = coalesce($4, follows.notify),
        languages = CASE WHEN $5::text[] IS NULL THEN follows.languages ELSE nullif($5::text[], '{}') END
    RETURNING xmax = 0 AS inserted
"""


async def upsert_follow(conn: Connection, *, account_id: int, target_id: int, options: FollowOptions) -> bool:
    """Follow, or change what an existing follow asks for; whether it is new."""
    return bool(
        await conn.fetchval(
            UPSERT_FOLLOW, account_id, target_id, options.show_reblogs, options.notify, options.languages
        )
    )


UPSERT_REQUEST = """
    INSERT INTO follow_requests (account_id, target_id, show_reblogs, notify, languages)
    VALUES ($1, $2, coalesce($3, true), coalesce($4, false), nullif($5::text[], '{}'))
    ON CONFLICT (account_id, target_id) DO UPDATE SET
        show_reblogs = coalesce($3, follow_requests.show_reblogs),
        notify = coalesce($4, follow_requests.notify),
        languages = CASE WHEN $5::text[] IS NULL THEN follow_requests.languages
            ELSE nullif($5::text[], '{}') END
    RETURNING xmax = 0 AS inserted
"""


async def upsert_request(
    conn: Connection, *, account_id: int, target_id: int, options: FollowOptions
) -> bool:
    """Ask to follow, or change what an open request asks for; whether it is new."""
    return bool(
        await conn.fetchval(
            UPSERT_REQUEST, account_id, target_id, options.show_reblogs, options.notify, options.languages
        )
    )


DELETE_FOLLOW = "DELETE FROM follows WHERE (account_id, target_id) = ($1, $2) RETURNING true"


async def delete_follow(conn: Connection, *, account_id: int, target_id: int) -> bool:
    """Whether there was one."""
    return bool(await conn.fetchval(DELETE_FOLLOW, account_id, target_id))


DELETE_REQUEST = """
    DELETE FROM follow_requests WHERE (account_id, target_id) = ($1, $2)
    RETURNING show_reblogs, notify, languages
"""


async def delete_request(conn: Connection, *, account_id: int, target_id: int) -> FollowOptions | None:
    """What the removed request had asked for, or None when there was none."""
    row = await conn.fetchrow(DELETE_REQUEST, account_id, target_id)
    return FollowOptions(row["show_reblogs"], row["notify"], row["languages"]) if row else None


FORGET_FOLLOW = """
    WITH unlisted AS (
        DELETE FROM list_members USING lists
        WHERE lists.id = list_members.list_id AND lists.account_id = $1 AND list_members.account_id = $2
        RETURNING list_members.list_id
    ), silenced AS (
        DELETE FROM notifications
        WHERE account_id = $2 AND from_account_id = $1 AND type IN ('follow', 'follow_request')
    )
    SELECT EXISTS (SELECT FROM unlisted)
"""


async def forget_follow(conn: Connection, *, account_id: int, target_id: int) -> bool:
    """Remove what hangs on a follow or request: list places and its notification. Whether lists changed."""
    return bool(await conn.fetchval(FORGET_FOLLOW, account_id, target_id))


ADJUST_COUNTS = """
    INSERT INTO account_stats AS stats (account_id, followers, following)
    SELECT account_id, sum(followers), sum(following)
    FROM unnest($1::bigint[], $2::integer[], $3::integer[]) AS change (account_id, followers, following)
    GROUP BY account_id
    ORDER BY account_id
    ON CONFLICT (account_id) DO UPDATE SET
        followers = stats.followers + excluded.followers,
        following = stats.following + excluded.following
"""


async def count_follows(conn: Connection, *, pairs: Sequence[tuple[int, int]], by: int) -> None:
    """Add `by` to the counts of every (follower, followed). Rows in id order, so writers cannot deadlock."""
    followers = [follower for follower, _ in pairs]
    followed = [target for _, target in pairs]
    zeros, steps = [0] * len(pairs), [by] * len(pairs)
    await conn.execute(ADJUST_COUNTS, followers + followed, zeros + steps, steps + zeros)


INSERT_BLOCK = """
    WITH silenced AS (
        DELETE FROM notifications WHERE account_id = $1 AND from_account_id = $2
    )
    INSERT INTO blocks (account_id, target_id) VALUES ($1, $2)
    ON CONFLICT DO NOTHING
    RETURNING true
"""


async def insert_block(conn: Connection, *, account_id: int, target_id: int) -> bool:
    """Block, and drop what the target had notified the caller of; whether the block is new."""
    return bool(await conn.fetchval(INSERT_BLOCK, account_id, target_id))


DELETE_BLOCK = "DELETE FROM blocks WHERE (account_id, target_id) = ($1, $2) RETURNING true"


async def delete_block(conn: Connection, *, account_id: int, target_id: int) -> bool:
    """Whether there was one."""
    return bool(await conn.fetchval(DELETE_BLOCK, account_id, target_id))


UPSERT_MUTE = """
    INSERT INTO mutes (account_id, target_id, hide_notifications, expires_at)
    VALUES ($1, $2, $3, CASE WHEN $4::integer > 0 THEN now() + make_interval(secs => $4::integer) END)
    ON CONFLICT (account_id, target_id) DO UPDATE SET
        hide_notifications = excluded.hide_notifications,
        expires_at = excluded.expires_at
"""


async def upsert_mute(
    conn: Connection, *, account_id: int, target_id: int, hide_notifications: bool, duration_s: int
) -> None:
    """Mute from now on; a duration of 0 is for ever."""
    await conn.execute(UPSERT_MUTE, account_id, target_id, hide_notifications, duration_s)


DELETE_MUTE = "DELETE FROM mutes WHERE (account_id, target_id) = ($1, $2) RETURNING true"


async def delete_mute(conn: Connection, *, account_id: int, target_id: int) -> bool:
    """Whether there was one."""
    return bool(await conn.fetchval(DELETE_MUTE, account_id, target_id))


TAKE_REQUESTS = """
    WITH taken AS (
        DELETE FROM follow_requests
        WHERE (account_id, target_id) IN (
            SELECT account_id, target_id FROM follow_requests WHERE target_id = $1 ORDER BY id LIMIT $2)
        RETURNING account_id, target_id, show_reblogs, notify, languages
    ), silenced AS (
        DELETE FROM notifications USING taken
        WHERE notifications.account_id = taken.target_id AND notifications.from_account_id = taken.account_id
            AND notifications.type = 'follow_request'
    )
    INSERT INTO follows (account_id, target_id, show_reblogs, notify, languages)
    SELECT * FROM taken
    ON CONFLICT DO NOTHING
    RETURNING account_id
"""


async def accept_requests(conn: Connection, *, target_id: int, limit: int) -> list[int]:
    """Turn the oldest open requests into follows; the new followers."""
    rows = await conn.fetch(TAKE_REQUESTS, target_id, limit)
    return [row["account_id"] for row in rows]
