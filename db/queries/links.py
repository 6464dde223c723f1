"""Lists of people that page by the relation's own id: followers, requests, blocks, mutes, list members."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from db.pages import Page, Window
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class Link:
    """An entry: the account, and the id of what put it in the list, which is the cursor."""

    id: int
    account_id: int
    expires_at: dt.datetime | None = None


# Every list takes $1 owner, $2 above, $3 below, $4 how many (NULL: all), and is read in either direction.
_DOWN = " ORDER BY link.id DESC LIMIT $4"
_UP = " ORDER BY link.id LIMIT $4"

_FOLLOWERS = """
    SELECT link.id, link.account_id FROM follows link
    JOIN accounts ON accounts.id = link.account_id AND accounts.suspended_at IS NULL
    WHERE link.target_id = $1 AND link.id > $2 AND link.id < $3
        AND NOT EXISTS (SELECT FROM blocks b WHERE (b.account_id, b.target_id) = ($5, link.account_id))
        AND NOT EXISTS (SELECT FROM blocks b WHERE (b.account_id, b.target_id) = (link.account_id, $5))
"""
FOLLOWERS_DOWN = _FOLLOWERS + _DOWN
FOLLOWERS_UP = _FOLLOWERS + _UP


async def followers(
    conn: Connection, *, account_id: int, viewer_id: int | None, window: Window
) -> Page[Link]:
    """Who follows an account, without those whom a block separates from the viewer."""
    return await _page(conn, FOLLOWERS_DOWN, FOLLOWERS_UP, account_id, window, viewer_id)


_FOLLOWING = """
    SELECT link.id, link.target_id FROM follows link
    JOIN accounts ON accounts.id = link.target_id AND accounts.suspended_at IS NULL
    WHERE link.account_id = $1 AND link.id > $2 AND link.id < $3
        AND NOT EXISTS (SELECT FROM blocks b WHERE (b.account_id, b.target_id) = ($5, link.target_id))
        AND NOT EXISTS (SELECT FROM blocks b WHERE (b.account_id, b.target_id) = (link.target_id, $5))
"""
FOLLOWING_DOWN = _FOLLOWING + _DOWN
FOLLOWING_UP = _FOLLOWING + _UP


async def following(
    conn: Connection, *, account_id: int, viewer_id: int | None, window: Window
) -> Page[Link]:
    """Whom an account follows, without those whom a block separates from the viewer."""
    return await _page(conn, FOLLOWING_DOWN, FOLLOWING_UP, account_id, window, viewer_id)


_REQUESTS = """
    SELECT link.id, link.account_id FROM follow_requests link
    JOIN accounts ON accounts.id = link.account_id AND accounts.suspended_at IS NULL
    WHERE link.target_id = $1 AND link.id > $2 AND link.id < $3
"""
REQUESTS_DOWN = _REQUESTS + _DOWN
REQUESTS_UP = _REQUESTS + _UP


async def requests(conn: Connection, *, account_id: int, window: Window) -> Page[Link]:
    """Who asks to follow an account."""
    return await _page(conn, REQUESTS_DOWN, REQUESTS_UP, account_id, window)


_BLOCKED = """
    SELECT link.id, link.target_id FROM blocks link
    WHERE link.account_id = $1 AND link.id > $2 AND link.id < $3
"""
BLOCKED_DOWN = _BLOCKED + _DOWN
BLOCKED_UP = _BLOCKED + _UP


async def blocked(conn: Connection, *, account_id: int, window: Window) -> Page[Link]:
    """Whom an account blocks."""
    return await _page(conn, BLOCKED_DOWN, BLOCKED_UP, account_id, window)


_MUTED = """
    SELECT link.id, link.target_id, link.expires_at FROM mutes link
    WHERE link.account_id = $1 AND link.id > $2 AND link.id < $3
        AND (link.expires_at IS NULL OR link.expires_at > now())
"""
MUTED_DOWN = _MUTED + _DOWN
MUTED_UP = _MUTED + _UP


async def muted(conn: Connection, *, account_id: int, window: Window) -> Page[Link]:
    """Whom an account mutes."""
    return await _page(conn, MUTED_DOWN, MUTED_UP, account_id, window)


_MEMBERS = """
    SELECT link.id, link.account_id FROM list_members link
    WHERE link.list_id = $1 AND link.id > $2 AND link.id < $3
"""
MEMBERS_DOWN = _MEMBERS + _DOWN
MEMBERS_UP = _MEMBERS + _UP


async def members(conn: Connection, *, list_id: int, window: Window) -> Page[Link]:
    """Who is in a list; a limit of 0 asks for everybody."""
    return await _page(conn, MEMBERS_DOWN, MEMBERS_UP, list_id, window)


async def _page(
    conn: Connection, down: str, up: str, owner_id: int, window: Window, *more: Any
) -> Page[Link]:
    rows = await conn.fetch(
        up if window.upward else down, owner_id, window.low, window.high, window.limit or None, *more
    )
    links = [Link(*row.values()) for row in (reversed(rows) if window.upward else rows)]
    if not links:
        return Page(())
    full = len(links) == window.limit
    return Page(links, newest=links[0].id, oldest=links[-1].id, more=full or window.upward)
