"""Sessions, refresh tokens and signing keys. Written by session shards only; replicas read what has ended."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from db.pool import Connection

HOLD = """
SELECT count(*) FROM (
    SELECT FROM shards s JOIN slots o ON o.shard = s.name AND o.kind = s.kind
    WHERE s.name = $1 AND s.epoch = $2 AND s.kind = 'sessions' AND o.slot = ANY($3::smallint[])
    FOR SHARE) AS held
"""


async def hold(conn: Connection, *, shard: str, epoch: int, slots: Sequence[int]) -> bool:
    """Keep successors out of these slots until the transaction ends; False when one is there already."""
    wanted = sorted(set(slots))
    return bool(await conn.fetchval(HOLD, shard, epoch, wanted) == len(wanted))


# Writers hold the row almost always when there are many, so a renewal that finds it held leaves the lease
# alone and only looks at the epoch: waiting for a free moment could take for ever.
RENEW_LEASE = """
WITH free AS (
    SELECT name FROM shards WHERE name = $1 AND epoch = $2 FOR NO KEY UPDATE SKIP LOCKED
), renewed AS (
    UPDATE shards s SET lease_until = now() + make_interval(secs => $3)
    FROM free WHERE s.name = free.name
)
SELECT EXISTS (SELECT FROM shards WHERE name = $1 AND epoch = $2)
"""


async def renew_lease(conn: Connection, *, shard: str, epoch: int, lease_ms: int) -> bool:
    """Whether this epoch still owns the shard; shows that it is alive, too."""
    return bool(await conn.fetchval(RENEW_LEASE, shard, epoch, lease_ms / 1000))


MINT_IDS = "SELECT mint_id() AS id FROM generate_series(1, $1::int)"


async def mint_ids(conn: Connection, *, count: int) -> list[int]:
    """New ids, for a shard to pick those of its own slots from."""
    return [record["id"] for record in await conn.fetch(MINT_IDS, count)]


INSERT = """
INSERT INTO oauth_sessions (id, account_id, app_id, scopes, kid, offline, created_at, last_used_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $7
WHERE $2::bigint IS NULL
   OR EXISTS (SELECT FROM accounts WHERE id = $2 AND suspended_at IS NULL FOR SHARE)
RETURNING id
"""


async def insert(
    conn: Connection,
    *,
    session_id: int,
    account_id: int | None,
    app_id: int,
    scopes: Sequence[str],
    kid: str,
    offline: bool,
    now: dt.datetime,
) -> bool:
    """Store a new session; False when its account is suspended or gone."""
    inserted = await conn.fetchval(INSERT, session_id, account_id, app_id, scopes, kid, offline, now)
    return inserted is not None


ADD_REFRESH = """
INSERT INTO oauth_refresh_tokens (token_hash, session_id, generation, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5)
"""


async def add_refresh_token(
    conn: Connection,
    *,
    token_hash: bytes,
    session_id: int,
    generation: int,
    now: dt.datetime,
    expires_at: dt.datetime,
) -> None:
    """Store the next refresh token of a family."""
    await conn.execute(ADD_REFRESH, token_hash, session_id, generation, now, expires_at)


@dataclass(frozen=True, slots=True)
class RefreshRow:
    """A refresh token with what matters of its session."""

    session_id: int
    generation: int
    expires_at: dt.datetime
    used_at: dt.datetime | None
    account_id: int | None
    app_id: int
    scopes: list[str]
    kid: str
    revoked_at: dt.datetime | None


LOCK_REFRESH = """
SELECT t.session_id, t.generation, t.expires_at, t.used_at,
       s.account_id, s.app_id, s.scopes, s.kid, s.revoked_at
FROM oauth_refresh_tokens t JOIN oauth_sessions s ON s.id = t.session_id
WHERE t.token_hash = $1 FOR UPDATE
"""


async def lock_refresh_token(conn: Connection, *, token_hash: bytes) -> RefreshRow | None:
    """A refresh token and its session, locked: concurrent refreshes of one family queue here."""
    record = await conn.fetchrow(LOCK_REFRESH, token_hash)
    return RefreshRow(**dict(record)) if record else None


@dataclass(frozen=True, slots=True)
class Family:
    """Whose refresh token it is."""

    session_id: int
    app_id: int


FAMILY = """
SELECT t.session_id, s.app_id FROM oauth_refresh_tokens t JOIN oauth_sessions s ON s.id = t.session_id
WHERE t.token_hash = $1
"""


async def of_refresh_token(conn: Connection, *, token_hash: bytes) -> Family | None:
    """The session that a refresh token belongs to, and its application."""
    record = await conn.fetchrow(FAMILY, token_hash)
    return Family(**dict(record)) if record else None


FORGET_REFRESH = "DELETE FROM oauth_refresh_tokens WHERE expires_at < $1"


async def forget_refresh_tokens(conn: Connection, *, expired_before: dt.datetime) -> None:
    """Drop refresh tokens that would be refused as expired anyway."""
    await conn.execute(FORGET_REFRESH, expired_before)


USE_REFRESH = "UPDATE oauth_refresh_tokens SET used_at = $2 WHERE token_hash = $1"
RENEW = """
UPDATE oauth_sessions
SET last_used_at = $2, kid = $3, prior_kid = CASE WHEN kid = $3 THEN prior_kid ELSE kid END
WHERE id = $1
"""


async def use_refresh_token(
    conn: Connection, *, token_hash: bytes, session_id: int, kid: str, now: dt.datetime
) -> None:
    """The token has been used, and `kid` signs the session's access tokens from now on."""
    await conn.execute(USE_REFRESH, token_hash, now)
    await conn.execute(RENEW, session_id, now, kid)


REVOKE = """
UPDATE oauth_sessions SET revoked_at = now(), revoked_reason = $2
WHERE id = ANY($1::bigint[]) AND revoked_at IS NULL
"""


async def revoke(conn: Connection, *, session_ids: Sequence[int], reason: str) -> None:
    """End sessions; the first reason stays."""
    await conn.execute(REVOKE, session_ids, reason)


LIVE = "SELECT id FROM oauth_sessions WHERE id = ANY($1::bigint[]) AND revoked_at IS NULL"


async def live(conn: Connection, *, session_ids: Sequence[int]) -> set[int]:
    """Which of these sessions are alive."""
    return {record["id"] for record in await conn.fetch(LIVE, session_ids)}


OF_ACCOUNT = "SELECT id FROM oauth_sessions WHERE account_id = $1 AND revoked_at IS NULL"


async def of_account(conn: Connection, *, account_id: int) -> list[int]:
    """The live sessions of an account."""
    return [record["id"] for record in await conn.fetch(OF_ACCOUNT, account_id)]


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that ended while a token of it could still verify."""

    id: int
    reason: str


# A token without expiry verifies until its key retires; one with expiry only for `access_ttl_s` more.
ENDED = """
SELECT s.id, coalesce(s.revoked_reason, '') AS reason
FROM oauth_sessions s JOIN oauth_signing_keys k USING (kid)
WHERE s.revoked_at IS NOT NULL AND s.revoked_at >= $1
  AND (k.retired_at IS NULL OR s.offline)
  AND NOT (s.offline AND s.revoked_at < now() - make_interval(secs => $2))
"""


async def ended(conn: Connection, *, since: dt.datetime, access_ttl_s: int) -> list[Ended]:
    """Sessions that ended at or after `since` (by Postgres' clock) and whose tokens still verify."""
    records = await conn.fetch(ENDED, since, float(access_ttl_s))
    return [Ended(record["id"], record["reason"]) for record in records]


NOW = "SELECT now()"


async def now(conn: Connection) -> dt.datetime:
    """Postgres' clock, by which `ended` counts."""
    moment: dt.datetime = await conn.fetchval(NOW)
    return moment
