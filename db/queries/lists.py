"""Lists: named sets of people whom somebody follows."""

from collections.abc import Sequence

from asyncpg import Record

from db.entities import List, record_to
from db.pool import Connection

OF_ACCOUNT = """
    SELECT id, account_id, title, replies_policy, exclusive, created_at
    FROM lists WHERE account_id = $1 ORDER BY id
"""


async def of_account(conn: Connection, *, account_id: int) -> list[List]:
    """All lists of one person, oldest first."""
    return [record_to(List, row) for row in await conn.fetch(OF_ACCOUNT, account_id)]


CONTAINING = """
    SELECT id, lists.account_id, title, replies_policy, exclusive, created_at
    FROM lists
    WHERE lists.account_id = $1
        AND EXISTS (SELECT FROM list_members member
            WHERE (member.list_id, member.account_id) = (lists.id, $2))
    ORDER BY id
"""


async def containing(conn: Connection, *, account_id: int, member_id: int) -> list[List]:
    """Those of one person's lists that somebody is in."""
    return [record_to(List, row) for row in await conn.fetch(CONTAINING, account_id, member_id)]


OWNED = """
    SELECT id, account_id, title, replies_policy, exclusive, created_at
    FROM lists WHERE id = $1 AND account_id = $2
"""


async def owned(conn: Connection, *, list_id: int, account_id: int) -> List | None:
    """One list, when it is this person's."""
    row = await conn.fetchrow(OWNED, list_id, account_id)
    return record_to(List, row) if row else None


OWNED_FOR_UPDATE = """
    SELECT id, account_id, title, replies_policy, exclusive, created_at
    FROM lists WHERE id = $1 AND account_id = $2 FOR NO KEY UPDATE
"""


async def owned_for_update(conn: Connection, *, list_id: int, account_id: int) -> List | None:
    """As `owned`; its other writers wait until commit."""
    row = await conn.fetchrow(OWNED_FOR_UPDATE, list_id, account_id)
    return record_to(List, row) if row else None


INSERT = """
    INSERT INTO lists (account_id, title, replies_policy, exclusive)
    SELECT $1, $2, $3, $4
    WHERE (SELECT count(*) FROM lists WHERE account_id = $1) < $5
    RETURNING id, account_id, title, replies_policy, exclusive, created_at
"""


async def insert(
    conn: Connection, *, account_id: int, title: str, replies_policy: str, exclusive: bool, maximum: int
) -> List | None:
    """A new list, or None when the person has `maximum` already."""
    row = await conn.fetchrow(INSERT, account_id, title, replies_policy, exclusive, maximum)
    return record_to(List, row) if row else None


UPDATE = """
    UPDATE lists SET
        title = coalesce($2, title),
        replies_policy = coalesce($3, replies_policy),
        exclusive = coalesce($4, exclusive)
    WHERE id = $1
    RETURNING id, account_id, title, replies_policy, exclusive, created_at
"""


async def update(
    conn: Connection, *, list_id: int, title: str | None, replies_policy: str | None, exclusive: bool | None
) -> List:
    """Set what is not None. The caller has checked whose list it is."""
    row = await conn.fetchrow(UPDATE, list_id, title, replies_policy, exclusive)
    assert row is not None, "the list was locked by the caller"
    return record_to(List, row)


DELETE = "DELETE FROM lists WHERE id = $1 AND account_id = $2 RETURNING true"


async def delete(conn: Connection, *, list_id: int, account_id: int) -> bool:
    """Whether there was one."""
    return bool(await conn.fetchval(DELETE, list_id, account_id))


CANDIDATES = """
    SELECT asked.id,
        EXISTS (SELECT FROM follows
            WHERE (follows.account_id, follows.target_id) = ($1, asked.id)) AS followed,
        EXISTS (SELECT FROM list_members member
            WHERE (member.list_id, member.account_id) = ($2, asked.id)) AS listed
    FROM unnest($3::bigint[]) AS asked (id)
"""


async def candidates(
    conn: Connection, *, account_id: int, list_id: int, member_ids: Sequence[int]
) -> list[Record]:
    """(id, followed, listed) of each account that should join a list."""
    return await conn.fetch(CANDIDATES, account_id, list_id, list(member_ids))


ADD_MEMBERS = """
    INSERT INTO list_members (list_id, account_id)
    SELECT $1, id FROM unnest($2::bigint[]) AS asked (id)
    ON CONFLICT DO NOTHING
"""


async def add_members(conn: Connection, *, list_id: int, member_ids: Sequence[int]) -> None:
    """Put accounts into a list."""
    await conn.execute(ADD_MEMBERS, list_id, list(member_ids))


REMOVE_MEMBERS = "DELETE FROM list_members WHERE list_id = $1 AND account_id = ANY($2::bigint[])"


async def remove_members(conn: Connection, *, list_id: int, member_ids: Sequence[int]) -> None:
    """Take accounts out of a list; those who are not in it stay out."""
    await conn.execute(REMOVE_MEMBERS, list_id, list(member_ids))
