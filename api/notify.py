"""Notifications as they are born: drafts in, rows and outbox events out. Readers: actions/notifications."""

from collections.abc import Sequence

from cluster.events import Notified
from db.pool import Connection
from db.queries import notifications
from db.queries.notifications import NotificationDraft

__all__ = ["NotificationDraft", "notify"]


async def notify(conn: Connection, *, drafts: Sequence[NotificationDraft]) -> list[Notified]:
    """Insert the drafts that their recipients allow, in one statement; the events for the outbox.

    Dropped without a word: one's own acts, blocks either way, mutes that hide notifications, muted
    conversations, and repeats of the same act (edits repeat). Call inside `transaction(ordered=True)`,
    after the statuses that the drafts name were inserted.
    """
    if not drafts:
        return []
    rows = await notifications.insert_allowed(conn, drafts=drafts)
    return [
        Notified(
            notification_id=row["id"],
            account_id=row["account_id"],
            type=row["type"],
            from_account_id=row["from_account_id"],
            status_id=row["status_id"],
        )
        for row in rows
    ]
