"""OAuth applications and authorization codes."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from db.pool import Connection


@dataclass(frozen=True, slots=True)
class App:
    """A registered application; its secret is known only as a hash."""

    id: int
    client_id: str
    secret_hash: bytes
    name: str
    website: str | None
    redirect_uris: list[str]
    scopes: list[str]
    created_at: dt.datetime


INSERT_APP = """
INSERT INTO oauth_apps (client_id, secret_hash, name, website, redirect_uris, scopes)
VALUES ($1, $2, $3, $4, $5, $6) RETURNING *
"""


async def insert_app(
    conn: Connection,
    *,
    client_id: str,
    secret_hash: bytes,
    name: str,
    website: str | None,
    redirect_uris: Sequence[str],
    scopes: Sequence[str],
) -> App:
    """Register an application."""
    record = await conn.fetchrow(INSERT_APP, client_id, secret_hash, name, website, redirect_uris, scopes)
    assert record is not None
    return App(**dict(record))


# Made by whoever needs it first; the useless update makes RETURNING answer also when it was there.
OWN_APP = """
INSERT INTO oauth_apps (client_id, secret_hash, name, website, redirect_uris, scopes)
VALUES ($1, '', $2, $3, '{}', '{}')
ON CONFLICT (client_id) DO UPDATE SET name = excluded.name, website = excluded.website RETURNING *
"""


async def own_app(conn: Connection, *, client_id: str, name: str, website: str) -> App:
    """An application of the server itself, which has no secret and redirects nowhere."""
    record = await conn.fetchrow(OWN_APP, client_id, name, website)
    assert record is not None
    return App(**dict(record))


APP_BY_CLIENT = "SELECT * FROM oauth_apps WHERE client_id = $1"
APP_BY_ID = "SELECT * FROM oauth_apps WHERE id = $1"


async def app_by_client_id(conn: Connection, *, client_id: str) -> App | None:
    """The application with this public name."""
    record = await conn.fetchrow(APP_BY_CLIENT, client_id)
    return App(**dict(record)) if record else None


async def app_by_id(conn: Connection, *, app_id: int) -> App | None:
    """One application."""
    record = await conn.fetchrow(APP_BY_ID, app_id)
    return App(**dict(record)) if record else None


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code. `session_id` is set once it was exchanged."""

    code_hash: bytes
    app_id: int
    account_id: int
    redirect_uri: str
    scopes: list[str]
    code_challenge: str | None
    expires_at: dt.datetime
    session_id: int | None


INSERT_CODE = """
INSERT INTO oauth_codes (code_hash, app_id, account_id, redirect_uri, scopes, code_challenge, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


async def insert_code(conn: Connection, *, code: Code) -> None:
    """Store a new code."""
    await conn.execute(
        INSERT_CODE,
        code.code_hash,
        code.app_id,
        code.account_id,
        code.redirect_uri,
        code.scopes,
        code.code_challenge,
        code.expires_at,
    )


LOCK_CODE = "SELECT * FROM oauth_codes WHERE code_hash = $1 FOR UPDATE"


async def lock_code(conn: Connection, *, code_hash: bytes) -> Code | None:
    """A code, locked until the transaction ends: a second exchange waits and then sees the first."""
    record = await conn.fetchrow(LOCK_CODE, code_hash)
    return Code(**dict(record)) if record else None


SPEND_CODE = "UPDATE oauth_codes SET session_id = $2 WHERE code_hash = $1"


async def spend_code(conn: Connection, *, code_hash: bytes, session_id: int) -> None:
    """The code was exchanged for a session."""
    await conn.execute(SPEND_CODE, code_hash, session_id)


FORGET_CODES = "DELETE FROM oauth_codes WHERE expires_at < $1"


async def forget_codes(conn: Connection, *, expired_before: dt.datetime) -> None:
    """Drop codes whose reuse needs no detection any more."""
    await conn.execute(FORGET_CODES, expired_before)
