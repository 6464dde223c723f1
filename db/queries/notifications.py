"""Notification rows: who is told of what. Written only under the order lock, so ids order visibility."""

from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg import Record

from db.entities import Notification, record_to
from db.pages import Window
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class NotificationDraft:
    """Somebody might want to know: `from_account_id` did something of `type` that concerns `account_id`.

    `type`: mention, status, reblog, follow, follow_request, favourite, update.
    """

    account_id: int
    type: str
    from_account_id: int
    status_id: int | None = None


INSERT_ALLOWED = """
    INSERT INTO notifications (account_id, type, from_account_id, status_id)
    SELECT draft.account_id, draft.type, draft.from_account_id, draft.status_id
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[])
        WITH ORDINALITY AS draft (account_id, type, from_account_id, status_id, position)
    JOIN accounts recipient ON recipient.id = draft.account_id AND recipient.suspended_at IS NULL
    LEFT JOIN statuses ON statuses.id = draft.status_id
    WHERE draft.account_id <> draft.from_account_id
        AND NOT EXISTS (
            SELECT FROM blocks
            WHERE (blocks.account_id, blocks.target_id) = (draft.account_id, draft.from_account_id))
        AND NOT EXISTS (
            SELECT FROM blocks
            WHERE (blocks.account_id, blocks.target_id) = (draft.from_account_id, draft.account_id))
        AND NOT EXISTS (
            SELECT FROM mutes
            WHERE (mutes.account_id, mutes.target_id) = (draft.account_id, draft.from_account_id)
                AND mutes.hide_notifications
                AND (mutes.expires_at IS NULL OR mutes.expires_at > now()))
        AND NOT EXISTS (
            SELECT FROM conversation_mutes muted
            WHERE (muted.account_id, muted.conversation_id) = (draft.account_id, statuses.conversation_id))
    ORDER BY draft.position
    ON CONFLICT DO NOTHING
    RETURNING id, account_id, type, from_account_id, status_id
"""


async def insert_allowed(conn: Connection, *, drafts: Sequence[NotificationDraft]) -> list[Record]:
    """Insert what the recipients' blocks, mutes and muted conversations allow; the inserted rows.

    The same act of the same person notifies once: a repeat inserts nothing. Call under the order lock.
    """
    return await conn.fetch(
        INSERT_ALLOWED,
        [draft.account_id for draft in drafts],
        [draft.type for draft in drafts],
        [draft.from_account_id for draft in drafts],
        [draft.status_id for draft in drafts],
    )


_PAGE = """
    SELECT id, account_id, type, from_account_id, status_id, created_at
    FROM notifications
    WHERE account_id = $1 AND id > $2 AND id < $3
        AND ($5::text[] IS NULL OR type = ANY($5::text[]))
        AND type <> ALL($6::text[])
        AND ($7::bigint IS NULL OR from_account_id = $7)
"""
PAGE_DOWN = _PAGE + " ORDER BY id DESC LIMIT $4"
PAGE_UP = _PAGE + " ORDER BY id LIMIT $4"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which notifications are asked for. `types` None: all of them."""

    types: Sequence[str] | None = None
    exclude_types: Sequence[str] = ()
    from_account_id: int | None = None


async def page(conn: Connection, *, account_id: int, wanted: Wanted, window: Window) -> list[Notification]:
    """The window's notifications, newest first. Blocks and what became invisible are the reader's to drop."""
    rows = await conn.fetch(
        PAGE_UP if window.upward else PAGE_DOWN,
        account_id,
        window.low,
        window.high,
        window.limit,
        None if wanted.types is None else list(wanted.types),
        list(wanted.exclude_types),
        wanted.from_account_id,
    )
    found = [record_to(Notification, row) for row in rows]
    return found[::-1] if window.upward else found


BY_IDS = """
    SELECT id, account_id, type, from_account_id, status_id, created_at
    FROM notifications
    WHERE account_id = $1 AND id = ANY($2::bigint[])
    ORDER BY id DESC
"""


async def by_ids(conn: Connection, *, account_id: int, ids: Sequence[int]) -> list[Notification]:
    """Those of one person's notifications that have these ids."""
    return [record_to(Notification, row) for row in await conn.fetch(BY_IDS, account_id, list(ids))]


UNREAD = """
    SELECT count(*) FROM (
        SELECT FROM notifications
        WHERE account_id = $1
            AND id > coalesce((SELECT last_read_id FROM markers
                WHERE markers.account_id = $1 AND markers.timeline = 'notifications'), 0)
            AND ($3::text[] IS NULL OR type = ANY($3::text[]))
            AND type <> ALL($4::text[])
            AND ($5::bigint IS NULL OR from_account_id = $5)
        LIMIT $2
    ) unread
"""


async def unread_count(conn: Connection, *, account_id: int, wanted: Wanted, limit: int) -> int:
    """How many came after the read marker; counting stops at `limit`."""
    count: int = await conn.fetchval(
        UNREAD,
        account_id,
        limit,
        None if wanted.types is None else list(wanted.types),
        list(wanted.exclude_types),
        wanted.from_account_id,
    )
    return count


DELETE_ALL = "DELETE FROM notifications WHERE account_id = $1"


async def delete_all(conn: Connection, *, account_id: int) -> None:
    """Forget all notifications of one person."""
    await conn.execute(DELETE_ALL, account_id)


DELETE_ONE = "DELETE FROM notifications WHERE id = $1 AND account_id = $2 RETURNING true"


async def delete_one(conn: Connection, *, notification_id: int, account_id: int) -> bool:
    """Whether there was one."""
    return bool(await conn.fetchval(DELETE_ONE, notification_id, account_id))


RETRACT = """
    DELETE FROM notifications USING
        unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[])
            AS undone (account_id, type, from_account_id, status_id)
    WHERE notifications.account_id = undone.account_id
        AND notifications.type = undone.type
        AND notifications.from_account_id = undone.from_account_id
        AND coalesce(notifications.status_id, 0) = undone.status_id
        AND notifications.type <> 'update'
"""


async def retract(conn: Connection, *, undone: Sequence[NotificationDraft]) -> None:
    """Remove what was told of acts that were taken back."""
    await conn.execute(
        RETRACT,
        [draft.account_id for draft in undone],
        [draft.type for draft in undone],
        [draft.from_account_id for draft in undone],
        [draft.status_id or 0 for draft in undone],
    )
