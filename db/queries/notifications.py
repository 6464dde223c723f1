"""Notification rows: who is told of what. Written only under the order lock, so ids order visibility."""

from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg import Record

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
