"""Direct conversations as one person sees them: derived from statuses, with a row only for what was read."""

from collections.abc import Sequence
from dataclasses import dataclass

from db.entities import record_to
from db.pages import Window
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread of direct statuses, with the newest one that this person may see."""

    id: int
    last_status_id: int
    unread: bool


# $1 person, $2 above, $3 below, $4 how many. The newest 5,000 mentions bound the cost for the much mentioned.
_PAGE = """
    WITH direct AS (
        SELECT statuses.id, statuses.conversation_id, statuses.account_id
        FROM (SELECT status_id FROM status_mentions WHERE account_id = $1
            ORDER BY status_id DESC LIMIT 5000) mention
        JOIN statuses ON statuses.id = mention.status_id AND statuses.visibility = 'direct'
        UNION
        SELECT id, conversation_id, account_id FROM statuses WHERE account_id = $1 AND visibility = 'direct'
    ), latest AS (
        SELECT DISTINCT ON (conversation_id) conversation_id, id AS last_status_id, account_id
        FROM direct
        ORDER BY conversation_id, id DESC
    )
    SELECT latest.conversation_id AS id, last_status_id,
        latest.account_id <> $1 AND last_status_id > coalesce(read.last_read_id, 0) AS unread
    FROM latest
    LEFT JOIN conversation_reads read
        ON (read.account_id, read.conversation_id) = ($1, latest.conversation_id)
    WHERE last_status_id > $2 AND last_status_id < $3
        AND last_status_id > coalesce(read.hidden_until_id, 0)
        AND ($5::bigint[] IS NULL OR latest.conversation_id = ANY($5::bigint[]))
"""
PAGE_DOWN = _PAGE + " ORDER BY last_status_id DESC LIMIT $4"
PAGE_UP = _PAGE + " ORDER BY last_status_id LIMIT $4"


async def page(
    conn: Connection, *, account_id: int, window: Window, only: Sequence[int] | None = None
) -> list[Conversation]:
    """Conversations by their newest status, newest first; `only` restricts them to these ids."""
    rows = await conn.fetch(
        PAGE_UP if window.upward else PAGE_DOWN,
        account_id,
        window.low,
        window.high,
        window.limit,
        None if only is None else list(only),
    )
    found = [record_to(Conversation, row) for row in rows]
    return found[::-1] if window.upward else found


PARTICIPANTS = """
    SELECT status_id, account_id FROM status_mentions WHERE status_id = ANY($1::bigint[])
    UNION
    SELECT id, account_id FROM statuses WHERE id = ANY($1::bigint[])
"""


async def participants(conn: Connection, *, status_ids: Sequence[int]) -> list[tuple[int, int]]:
    """(status, account) for the author and the mentioned of each status."""
    rows = await conn.fetch(PARTICIPANTS, list(status_ids))
    return [(row["status_id"], row["account_id"]) for row in rows]


SET_READ = """
    INSERT INTO conversation_reads AS read (account_id, conversation_id, last_read_id, hidden_until_id)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (account_id, conversation_id) DO UPDATE SET
        last_read_id = greatest(read.last_read_id, excluded.last_read_id),
        hidden_until_id = greatest(read.hidden_until_id, excluded.hidden_until_id)
"""


async def set_read(
    conn: Connection, *, account_id: int, conversation_id: int, last_read_id: int, hidden_until_id: int = 0
) -> None:
    """Remember how far a conversation was read, and until where it was dismissed."""
    await conn.execute(SET_READ, account_id, conversation_id, last_read_id, hidden_until_id)
