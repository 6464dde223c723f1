"""The people of the demo world: their logins are marked, to be refused where others reach the server."""

from collections.abc import Sequence

from db.pool import Connection

ACCOUNTS = """
SELECT a.username::text AS username, a.id FROM accounts a JOIN users u ON u.account_id = a.id
WHERE u.demo AND a.username = ANY($1::citext[])
"""


async def accounts(conn: Connection, *, usernames: Sequence[str]) -> dict[str, int]:
    """Ids of those who exist and are marked."""
    return {record["username"]: record["id"] for record in await conn.fetch(ACCOUNTS, list(usernames))}


MARK = "UPDATE users SET demo = true WHERE account_id = ANY($1::bigint[])"


async def mark(conn: Connection, *, account_ids: Sequence[int]) -> None:
    """Mark logins as the demo world's."""
    await conn.execute(MARK, list(account_ids))
