"""People who can sign in: their rows, and the account that belongs to each."""

from db.entities import User, record_to
from db.pool import Connection

CREATE_ACCOUNT = "INSERT INTO accounts (username, display_name) VALUES ($1, $2) RETURNING id"
CREATE_STATS = "INSERT INTO account_stats (account_id) VALUES ($1)"
CREATE_USER = """
INSERT INTO users (account_id, email, password_hash, role, locale, demo) VALUES ($1, $2, $3, $4, $5, $6)
"""


async def create(
    conn: Connection,
    *,
    username: str,
    email: str,
    password_hash: str,
    display_name: str = "",
    role: str = "user",
    locale: str = "en",
    demo: bool = False,
) -> int:
    """A new account with its user; the account's id. Call in a transaction.

    Raises asyncpg.UniqueViolationError for a taken name (accounts) or address (users)."""
    account_id: int = await conn.fetchval(CREATE_ACCOUNT, username, display_name)
    await conn.execute(CREATE_STATS, account_id)
    await conn.execute(CREATE_USER, account_id, email, password_hash, role, locale, demo)
    return account_id


TAKEN = """
SELECT EXISTS (SELECT FROM accounts WHERE username = $1::citext) AS username,
       EXISTS (SELECT FROM users WHERE email = $2::citext) AS email
"""


async def taken(conn: Connection, *, username: str, email: str) -> tuple[bool, bool]:
    """Whether the name and whether the address belong to somebody."""
    record = await conn.fetchrow(TAKEN, username, email)
    assert record is not None
    return record["username"], record["email"]


BY_LOGIN = """
SELECT * FROM users WHERE account_id IN (
    SELECT account_id FROM users WHERE email = $1::citext
    UNION ALL SELECT id FROM accounts WHERE username = $1::citext)
LIMIT 1
"""


async def by_login(conn: Connection, *, login: str) -> User | None:
    """The user with this e-mail address or user name; neither can look like the other."""
    record = await conn.fetchrow(BY_LOGIN, login)
    return record_to(User, record) if record else None


USERNAME = "SELECT username::text FROM accounts WHERE id = $1"


async def username(conn: Connection, *, account_id: int) -> str | None:
    """The name of an account."""
    name: str | None = await conn.fetchval(USERNAME, account_id)
    return name


SUSPENDED = "SELECT suspended_at IS NOT NULL FROM accounts WHERE id = $1"


async def suspended(conn: Connection, *, account_id: int) -> bool:
    """Whether the account is suspended or gone."""
    return await conn.fetchval(SUSPENDED, account_id) is not False


SUSPEND = "UPDATE accounts SET suspended_at = coalesce(suspended_at, now()) WHERE id = $1"


async def suspend(conn: Connection, *, account_id: int) -> None:
    """Mark an account as suspended; its sessions are ended through the session shards."""
    await conn.execute(SUSPEND, account_id)


SET_PASSWORD = "UPDATE users SET password_hash = $2 WHERE account_id = $1"  # noqa: S105 - a statement


async def set_password_hash(conn: Connection, *, account_id: int, password_hash: str) -> None:
    """Store another hash of the password."""
    await conn.execute(SET_PASSWORD, account_id, password_hash)


SET_ROLE = (
    "UPDATE users u SET role = $2 FROM accounts a WHERE a.id = u.account_id AND a.username = $1::citext"
)


async def set_role(conn: Connection, *, username: str, role: str) -> bool:
    """Give a person a role; False when nobody has that name."""
    return (await conn.execute(SET_ROLE, username, role)).endswith(" 1")


DELETE = "DELETE FROM accounts WHERE id = $1"


async def delete(conn: Connection, *, account_id: int) -> None:
    """Take back an account that was just made."""
    await conn.execute(DELETE, account_id)
