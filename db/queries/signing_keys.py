"""The keys that sign access tokens. Private halves are read by session shards only."""

import datetime as dt
from dataclasses import dataclass

from db.pool import Connection

KEYS_LOCK = 7_301_002
"""Advisory lock key: one shard at a time decides that a new key is due."""

LOCK = "SELECT pg_advisory_xact_lock($1)"


async def lock(conn: Connection) -> None:
    """Wait until nobody else is making a key; held until the transaction ends."""
    await conn.execute(LOCK, KEYS_LOCK)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A signing key as stored."""

    kid: str
    private_key: bytes
    created_at: dt.datetime


PRIVATE = "SELECT kid, private_key, created_at FROM oauth_signing_keys WHERE retired_at IS NULL"


async def private_keys(conn: Connection) -> list[KeyRow]:
    """All keys that may still sign or verify."""
    return [KeyRow(**dict(record)) for record in await conn.fetch(PRIVATE)]


PUBLIC = "SELECT kid, public_key FROM oauth_signing_keys WHERE retired_at IS NULL"


async def public_keys(conn: Connection) -> dict[str, bytes]:
    """The public halves by name."""
    return {record["kid"]: record["public_key"] for record in await conn.fetch(PUBLIC)}


INSERT = """
INSERT INTO oauth_signing_keys (kid, private_key, public_key, created_at) VALUES ($1, $2, $3, $4)
"""


async def insert(
    conn: Connection, *, kid: str, private_key: bytes, public_key: bytes, created_at: dt.datetime
) -> None:
    """Store a new key."""
    await conn.execute(INSERT, kid, private_key, public_key, created_at)


RETIRE = """
UPDATE oauth_signing_keys k SET retired_at = now()
WHERE k.retired_at IS NULL AND k.created_at < $1
  AND NOT EXISTS (SELECT FROM oauth_sessions s WHERE s.kid = k.kid AND s.revoked_at IS NULL)
  AND NOT EXISTS (
      SELECT FROM oauth_sessions s
      WHERE s.prior_kid = k.kid AND s.revoked_at IS NULL AND s.last_used_at > $2)
"""


async def retire(conn: Connection, *, born_before: dt.datetime, refreshed_before: dt.datetime) -> None:
    """Retire keys that sign no more and whose tokens nobody holds: no live session names them, neither
    now nor before a refresh whose older access token may still be valid."""
    await conn.execute(RETIRE, born_before, refreshed_before)
