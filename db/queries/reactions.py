"""Favourites, bookmarks, pins and muted conversations; who reacted to a status, and one's own lists."""

from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg import Record

from db.pages import Page, Window
from db.pool import Connection

Pair = tuple[int, int]
"""(account, status)."""

FAVOURITE = """
INSERT INTO favourites (account_id, status_id)
SELECT * FROM unnest($1::bigint[], $2::bigint[])
ON CONFLICT DO NOTHING
RETURNING account_id, status_id
"""


async def favourite(conn: Connection, *, pairs: Sequence[Pair]) -> list[Pair]:
    """Favourite statuses; the pairs that are new."""
    return _pairs(await conn.fetch(FAVOURITE, *_columns(pairs)))


UNFAVOURITE = """
DELETE FROM favourites USING unnest($1::bigint[], $2::bigint[]) AS given (account_id, status_id)
WHERE favourites.account_id = given.account_id AND favourites.status_id = given.status_id
RETURNING favourites.account_id, favourites.status_id
"""


async def unfavourite(conn: Connection, *, pairs: Sequence[Pair]) -> list[Pair]:
    """Take favourites back; the pairs that were there."""
    return _pairs(await conn.fetch(UNFAVOURITE, *_columns(pairs)))


BOOKMARK = """
INSERT INTO bookmarks (account_id, status_id)
SELECT * FROM unnest($1::bigint[], $2::bigint[])
ON CONFLICT DO NOTHING
RETURNING account_id, status_id
"""


async def bookmark(conn: Connection, *, pairs: Sequence[Pair]) -> list[Pair]:
    """Bookmark statuses; the pairs that are new."""
    return _pairs(await conn.fetch(BOOKMARK, *_columns(pairs)))


UNBOOKMARK = """
DELETE FROM bookmarks USING unnest($1::bigint[], $2::bigint[]) AS given (account_id, status_id)
WHERE bookmarks.account_id = given.account_id AND bookmarks.status_id = given.status_id
RETURNING bookmarks.account_id, bookmarks.status_id
"""


async def unbookmark(conn: Connection, *, pairs: Sequence[Pair]) -> list[Pair]:
    """Remove bookmarks; the pairs that were there."""
    return _pairs(await conn.fetch(UNBOOKMARK, *_columns(pairs)))


PIN = """
INSERT INTO pins (account_id, status_id) SELECT $1, $2
WHERE (SELECT count(*) FROM pins WHERE account_id = $1) < $3
ON CONFLICT DO NOTHING
"""
PINNED = "SELECT EXISTS (SELECT FROM pins WHERE account_id = $1 AND status_id = $2)"


async def pin(conn: Connection, *, account_id: int, status_id: int, limit: int) -> bool:
    """Pin a status to its author's profile; False when `limit` others are. Call under the order lock."""
    await conn.execute(PIN, account_id, status_id, limit)
    return bool(await conn.fetchval(PINNED, account_id, status_id))


UNPIN = "DELETE FROM pins WHERE account_id = $1 AND status_id = $2"


async def unpin(conn: Connection, *, account_id: int, status_id: int) -> None:
    """Take a status off the profile."""
    await conn.execute(UNPIN, account_id, status_id)


MUTE = """
INSERT INTO conversation_mutes (account_id, conversation_id) VALUES ($1, $2) ON CONFLICT DO NOTHING
"""


async def mute_conversation(conn: Connection, *, account_id: int, conversation_id: int) -> None:
    """No more notifications from a thread."""
    await conn.execute(MUTE, account_id, conversation_id)


UNMUTE = "DELETE FROM conversation_mutes WHERE account_id = $1 AND conversation_id = $2"


async def unmute_conversation(conn: Connection, *, account_id: int, conversation_id: int) -> None:
    """Notifications from a thread again."""
    await conn.execute(UNMUTE, account_id, conversation_id)


@dataclass(frozen=True, slots=True)
class Reaction:
    """An entry of a list of reactions: its own id is the cursor; `of` is the status or the account."""

    id: int
    of: int


_DOWN = " ORDER BY entry.id DESC LIMIT $4"
_UP = " ORDER BY entry.id LIMIT $4"

_FAVOURITES = """
SELECT entry.id, entry.status_id AS of FROM favourites entry
WHERE entry.account_id = $1 AND entry.id > $2 AND entry.id < $3
"""
FAVOURITES_DOWN = _FAVOURITES + _DOWN
FAVOURITES_UP = _FAVOURITES + _UP


async def favourites(conn: Connection, *, account_id: int, window: Window) -> Page[Reaction]:
    """The statuses that an account favourited."""
    return await _page(conn, FAVOURITES_DOWN, FAVOURITES_UP, account_id, window)


_BOOKMARKS = """
SELECT entry.id, entry.status_id AS of FROM bookmarks entry
WHERE entry.account_id = $1 AND entry.id > $2 AND entry.id < $3
"""
BOOKMARKS_DOWN = _BOOKMARKS + _DOWN
BOOKMARKS_UP = _BOOKMARKS + _UP


async def bookmarks(conn: Connection, *, account_id: int, window: Window) -> Page[Reaction]:
    """The statuses that an account bookmarked."""
    return await _page(conn, BOOKMARKS_DOWN, BOOKMARKS_UP, account_id, window)


# $5: the viewer, NULL for nobody.
_SHOWN = """
    AND accounts.suspended_at IS NULL
    AND NOT EXISTS (SELECT FROM blocks b WHERE (b.account_id, b.target_id) = ($5, accounts.id))
    AND NOT EXISTS (SELECT FROM blocks b WHERE (b.account_id, b.target_id) = (accounts.id, $5))
"""

_FAVOURITED_BY = """
SELECT entry.id, entry.account_id AS of FROM favourites entry
JOIN accounts ON accounts.id = entry.account_id
WHERE entry.status_id = $1 AND entry.id > $2 AND entry.id < $3
"""
FAVOURITED_BY_DOWN = _FAVOURITED_BY + _SHOWN + _DOWN
FAVOURITED_BY_UP = _FAVOURITED_BY + _SHOWN + _UP


async def favourited_by(
    conn: Connection, *, status_id: int, viewer_id: int | None, window: Window
) -> Page[Reaction]:
    """Who favourited a status, without those whom a block separates from the viewer."""
    return await _page(conn, FAVOURITED_BY_DOWN, FAVOURITED_BY_UP, status_id, window, viewer_id)


_REBLOGGED_BY = """
SELECT entry.id, entry.account_id AS of FROM statuses entry
JOIN accounts ON accounts.id = entry.account_id
WHERE entry.reblog_of_id = $1 AND entry.id > $2 AND entry.id < $3
    AND entry.visibility IN ('public', 'unlisted')
"""
REBLOGGED_BY_DOWN = _REBLOGGED_BY + _SHOWN + _DOWN
REBLOGGED_BY_UP = _REBLOGGED_BY + _SHOWN + _UP


async def reblogged_by(
    conn: Connection, *, status_id: int, viewer_id: int | None, window: Window
) -> Page[Reaction]:
    """Who reblogged a status for everybody to see, without those whom a block separates from the viewer."""
    return await _page(conn, REBLOGGED_BY_DOWN, REBLOGGED_BY_UP, status_id, window, viewer_id)


async def _page(
    conn: Connection, down: str, up: str, of: int, window: Window, *more: int | None
) -> Page[Reaction]:
    query = up if window.upward else down
    rows = await conn.fetch(query, of, window.low, window.high, window.limit, *more)
    entries = [Reaction(row["id"], row["of"]) for row in rows]
    if window.upward:
        entries.reverse()
    if not entries:
        return Page(())
    full = len(entries) == window.limit
    return Page(entries, newest=entries[0].id, oldest=entries[-1].id, more=full or window.upward)


def _pairs(rows: Sequence[Record]) -> list[Pair]:
    return [(row[0], row[1]) for row in rows]


def _columns(pairs: Sequence[Pair]) -> tuple[list[int], list[int]]:
    return [account for account, _ in pairs], [status for _, status in pairs]
