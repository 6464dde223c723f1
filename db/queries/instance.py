"""Figures about the whole server, at a bounded cost: large tables are sampled, not counted."""

import datetime as dt
from dataclasses import dataclass

from db.pool import Connection

ROW_ESTIMATES = """
    SELECT relname, reltuples::bigint AS rows FROM pg_class
    WHERE oid IN ('accounts'::regclass, 'account_stats'::regclass, 'statuses'::regclass)
"""
COUNT_ACCOUNTS = "SELECT count(*) FROM accounts TABLESAMPLE SYSTEM ($1) WHERE suspended_at IS NULL"
COUNT_STATUSES = "SELECT count(*) FROM statuses TABLESAMPLE SYSTEM ($1)"
COUNT_ACTIVE = "SELECT count(*) FROM account_stats TABLESAMPLE SYSTEM ($1) WHERE last_status_at > $2"
SAMPLE_ROWS = 20_000  # tables up to this size are counted; of larger ones about so many rows are


@dataclass(frozen=True, slots=True)
class Usage:
    """How large this server is. Exact while it is small, sampled later."""

    accounts: int
    active_month: int
    statuses: int


async def usage(conn: Connection, *, since: dt.datetime) -> Usage:
    """Counts for the instance documents, at a bounded cost; `since` is when a month ago was."""
    share = await _shares(conn)
    accounts = await conn.fetchval(COUNT_ACCOUNTS, share["accounts"])
    active = await conn.fetchval(COUNT_ACTIVE, share["account_stats"], since)
    statuses = await conn.fetchval(COUNT_STATUSES, share["statuses"])
    return Usage(
        accounts=round(accounts * 100 / share["accounts"]),
        active_month=round(active * 100 / share["account_stats"]),
        statuses=round(statuses * 100 / share["statuses"]),
    )


async def _shares(conn: Connection) -> dict[str, float]:
    """How much of each table to look at, in per cent."""
    estimates = {row["relname"]: row["rows"] for row in await conn.fetch(ROW_ESTIMATES)}
    return {name: min(100.0, 100.0 * SAMPLE_ROWS / max(1, rows)) for name, rows in estimates.items()}


STATUSES_BY_WEEK = """
    SELECT date_trunc('week', created_at AT TIME ZONE 'utc') AT TIME ZONE 'utc' AS start,
        count(*) AS statuses, count(DISTINCT account_id) AS people
    FROM statuses TABLESAMPLE SYSTEM ($1)
    WHERE created_at >= $2
    GROUP BY start
"""
REGISTRATIONS_BY_WEEK = """
    SELECT date_trunc('week', created_at AT TIME ZONE 'utc') AT TIME ZONE 'utc' AS start, count(*) AS people
    FROM accounts TABLESAMPLE SYSTEM ($1)
    WHERE created_at >= $2
    GROUP BY start
"""


@dataclass(frozen=True, slots=True)
class Week:
    """What happened in the week that began at `start`, a Monday."""

    start: dt.datetime
    statuses: int
    people: int
    registrations: int


async def activity(conn: Connection, *, since: dt.datetime) -> list[Week]:
    """Weeks in which something happened. The people of a sampled week are those of the sample."""
    share = await _shares(conn)
    posted = {row["start"]: row for row in await conn.fetch(STATUSES_BY_WEEK, share["statuses"], since)}
    joined = {
        row["start"]: row["people"]
        for row in await conn.fetch(REGISTRATIONS_BY_WEEK, share["accounts"], since)
    }
    return [
        Week(
            start,
            statuses=round(posted[start]["statuses"] * 100 / share["statuses"]) if start in posted else 0,
            people=posted[start]["people"] if start in posted else 0,
            registrations=round(joined.get(start, 0) * 100 / share["accounts"]),
        )
        for start in posted.keys() | joined.keys()
    ]


CONTACT = """
    SELECT account_id FROM users WHERE role IN ('owner', 'admin')
    ORDER BY role = 'owner' DESC, account_id
    LIMIT 1
"""


async def contact(conn: Connection) -> int | None:
    """The account of whoever runs this server: the first owner, else the first admin."""
    found: int | None = await conn.fetchval(CONTACT)
    return found


ROLE = "SELECT role FROM users WHERE account_id = $1"


async def role(conn: Connection, *, account_id: int) -> str | None:
    """What somebody may do here, or None for nobody."""
    found: str | None = await conn.fetchval(ROLE, account_id)
    return found
