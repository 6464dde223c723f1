"""Skeletons of timelines that Postgres answers: ids only, newest first, privacy as far as SQL knows it.

Each question has a constant for reading downwards and one, made from it, for reading upwards (`min_id`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from db.pages import Window
from db.pool import Connection


def _upwards(sql: str) -> str:
    return sql.replace("DESC", "ASC")


async def _ids(
    conn: Connection, window: Window, *, down: str, up: str, arguments: Sequence[object]
) -> list[int]:
    sql = up if window.upward else down
    records = await conn.fetch(sql, window.low, window.high, window.limit, *arguments)
    ids = [record["id"] for record in records]
    return ids[::-1] if window.upward else ids


PUBLIC_DOWN = """
    SELECT id FROM statuses
    WHERE visibility = 'public' AND reblog_of_id IS NULL AND id > $1 AND id < $2
        AND (in_reply_to_id IS NULL OR in_reply_to_account_id = account_id)
        AND (NOT $4::boolean OR EXISTS (SELECT FROM media WHERE media.status_id = statuses.id))
    ORDER BY id DESC LIMIT $3
"""
PUBLIC_UP = _upwards(PUBLIC_DOWN)


async def public_ids(conn: Connection, *, window: Window, only_media: bool = False) -> list[int]:
    """Everybody's public posts; of replies only those in one's own thread, as Mastodon."""
    return await _ids(conn, window, down=PUBLIC_DOWN, up=PUBLIC_UP, arguments=(only_media,))


TAGGED_DOWN = """
    SELECT DISTINCT found.id
    FROM (SELECT id FROM tags WHERE name = ANY($4::text[])) AS wanted
    CROSS JOIN LATERAL (
        SELECT statuses.id
        FROM status_tags
        JOIN statuses ON statuses.id = status_tags.status_id
        WHERE status_tags.tag_id = wanted.id AND status_tags.status_id > $1 AND status_tags.status_id < $2
            AND statuses.visibility = 'public' AND statuses.reblog_of_id IS NULL
            AND NOT EXISTS (
                SELECT FROM unnest($5::text[]) AS needed (name)
                WHERE NOT EXISTS (
                    SELECT FROM status_tags other JOIN tags ON tags.id = other.tag_id
                    WHERE other.status_id = statuses.id AND tags.name = needed.name))
            AND NOT EXISTS (
                SELECT FROM status_tags other JOIN tags ON tags.id = other.tag_id
                WHERE other.status_id = statuses.id AND tags.name = ANY($6::text[]))
            AND (NOT $7::boolean OR EXISTS (SELECT FROM media WHERE media.status_id = statuses.id))
        ORDER BY status_tags.status_id DESC LIMIT $3
    ) AS found
    ORDER BY found.id DESC LIMIT $3
"""
TAGGED_UP = _upwards(TAGGED_DOWN)


@dataclass(frozen=True, slots=True)
class TagChoice:
    """Which hashtags a post must have: one of `any_of`, every one of `all_of`, and none of `none_of`."""

    any_of: tuple[str, ...]
    all_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()


async def tagged_ids(
    conn: Connection, *, window: Window, choice: TagChoice, only_media: bool = False
) -> list[int]:
    """Public posts with these hashtags (normalised names)."""
    arguments = (choice.any_of, choice.all_of, choice.none_of, only_media)
    return await _ids(conn, window, down=TAGGED_DOWN, up=TAGGED_UP, arguments=arguments)


LISTED_DOWN = """
    SELECT statuses.id
    FROM (
        SELECT list_members.account_id, lists.account_id AS owner_id, lists.id AS list_id,
            lists.replies_policy, coalesce(follows.show_reblogs, true) AS show_reblogs
        FROM lists
        JOIN list_members ON list_members.list_id = lists.id
        LEFT JOIN follows
            ON follows.account_id = lists.account_id AND follows.target_id = list_members.account_id
        WHERE lists.id = $4
    ) AS member
    CROSS JOIN LATERAL (
        SELECT id FROM statuses
        WHERE statuses.account_id = member.account_id AND id > $1 AND id < $2
            AND visibility <> 'direct'
            AND (reblog_of_id IS NULL OR member.show_reblogs)
            AND (in_reply_to_id IS NULL
                OR in_reply_to_account_id = statuses.account_id
                OR (member.replies_policy <> 'none' AND in_reply_to_account_id = member.owner_id)
                OR (member.replies_policy = 'list' AND EXISTS (
                    SELECT FROM list_members other
                    WHERE other.list_id = member.list_id
                        AND other.account_id = statuses.in_reply_to_account_id))
                OR (member.replies_policy = 'followed' AND EXISTS (
                    SELECT FROM follows
                    WHERE follows.account_id = member.owner_id
                        AND follows.target_id = statuses.in_reply_to_account_id)))
        ORDER BY id DESC LIMIT $3
    ) AS statuses
    ORDER BY statuses.id DESC LIMIT $3
"""
LISTED_UP = _upwards(LISTED_DOWN)


async def listed_ids(conn: Connection, *, window: Window, list_id: int) -> list[int]:
    """What the members of a list wrote, with replies as far as the list's policy wants them."""
    return await _ids(conn, window, down=LISTED_DOWN, up=LISTED_UP, arguments=(list_id,))


AUTHORED_DOWN = """
    SELECT id FROM statuses
    WHERE account_id = $4 AND id > $1 AND id < $2
        AND (visibility = ANY($5::text[])
            OR EXISTS (SELECT FROM status_mentions
                WHERE status_mentions.status_id = statuses.id AND status_mentions.account_id = $6))
        AND (NOT $7::boolean OR in_reply_to_id IS NULL OR in_reply_to_account_id = account_id)
        AND (NOT $8::boolean OR reblog_of_id IS NULL)
        AND (NOT $9::boolean OR EXISTS (SELECT FROM media WHERE media.status_id = statuses.id))
        AND ($10::text IS NULL OR EXISTS (
            SELECT FROM status_tags JOIN tags ON tags.id = status_tags.tag_id
            WHERE status_tags.status_id = statuses.id AND tags.name = $10))
    ORDER BY id DESC LIMIT $3
"""
AUTHORED_UP = _upwards(AUTHORED_DOWN)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of an author's statuses are asked for."""

    exclude_replies: bool = False
    exclude_reblogs: bool = False
    only_media: bool = False
    tagged: str | None = None


async def authored_ids(
    conn: Connection,
    *,
    window: Window,
    account_id: int,
    visibilities: Sequence[str],
    mentioned_id: int | None,
    wanted: Wanted,
) -> list[int]:
    """One author's statuses of these visibilities, and those that mention `mentioned_id`."""
    arguments = (
        account_id,
        visibilities,
        mentioned_id,
        wanted.exclude_replies,
        wanted.exclude_reblogs,
        wanted.only_media,
        wanted.tagged,
    )
    return await _ids(conn, window, down=AUTHORED_DOWN, up=AUTHORED_UP, arguments=arguments)


PINNED_DOWN = """
    SELECT pins.status_id AS id
    FROM pins
    JOIN statuses ON statuses.id = pins.status_id
    WHERE pins.account_id = $4 AND pins.status_id > $1 AND pins.status_id < $2
    ORDER BY pins.status_id DESC LIMIT $3
"""
PINNED_UP = _upwards(PINNED_DOWN)


async def pinned_ids(conn: Connection, *, window: Window, account_id: int) -> list[int]:
    """What an author pinned to their profile."""
    return await _ids(conn, window, down=PINNED_DOWN, up=PINNED_UP, arguments=(account_id,))
