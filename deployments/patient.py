"""The doctor's look at a running instance: readiness, shards against their map, open doors, the clock."""

import asyncio
import ipaddress
import time
from collections.abc import Iterator
from typing import Any

import psutil
import psycopg

from cluster.settings import Settings
from cluster.topology import feed_shards, session_shards
from db.pool import Pool
from db.queries import shards
from deployments import instance, status
from deployments.finding import Finding, right, warn, wrong
from deployments.home import Home
from deployments.processes import leftovers

CLOCK_S_MAX = 1.0  # ids and token times compare this machine's clock with Postgres'
BEHIND_ROWS_MAX = 1_000  # outbox rows: a healthy shard is behind by one sweep


def examine_running(settings: Settings, home: Home) -> Iterator[Finding]:
    """Look at the instance that runs in `home`."""
    described = status.describe(home)
    for part, state in described["parts"].items():
        if state == "ok":
            yield right(part, "answers")
        else:
            yield wrong(
                part, str(state), mend=f"see the logs in {home.logs} and {home.ray}/session_latest/logs"
            )
    yield from _doors(home)
    yield from _shards(settings)
    yield from _clock(settings)


def _doors(home: Home) -> Iterator[Finding]:
    found = instance.read(home)
    assert found is not None
    open_doors = []
    for process in [psutil.Process(found.pid), *leftovers(home)]:
        open_doors += [
            f"{process.name()} {connection.laddr.ip}:{connection.laddr.port}"
            for connection in _listening(process)
            if not ipaddress.ip_address(connection.laddr.ip.removeprefix("::ffff:")).is_loopback
            and connection.laddr.port != found.port
        ]
    if open_doors:
        mend = "close these ports to other machines with a firewall: we found no setting that does"
        yield warn("open ports", ", ".join(open_doors), mend=mend)
    else:
        yield right("open ports", f"only {found.port} of {found.host}; Ray and the rest listen on loopback")


def _listening(process: psutil.Process) -> list[Any]:
    try:
        found = process.net_connections(kind="tcp")
    except psutil.Error:
        return []
    return [connection for connection in found if connection.status == psutil.CONN_LISTEN]


def _shards(settings: Settings) -> Iterator[Finding]:
    expected = {*feed_shards(settings), *session_shards(settings)}
    rows = [row for row in asyncio.run(_stored(settings)) if row.slots]
    for row in rows:
        if row.name not in expected:
            mend = "restart: slots move at the start"
            yield wrong(row.name, "owns slots and is not in the settings", mend=mend)
        elif row.lease_left_s < 0:
            mend = "Ray starts it again by itself; if this stays, restart the instance"
            yield wrong(row.name, f"its lease ended {-row.lease_left_s:.1f} s ago", mend=mend)
        elif row.behind > BEHIND_ROWS_MAX:
            yield warn(row.name, f"{row.behind} outbox rows behind", mend="wait; if it grows, add shards")
        else:
            yield right(row.name, f"epoch {row.epoch}, lease for {row.lease_left_s:.1f} s")
    for name in sorted(expected - {row.name for row in rows}):
        yield wrong(name, "owns no slot", mend="restart the instance")


async def _stored(settings: Settings) -> list[shards.ShardRow]:
    pool = Pool(settings.postgres)
    async with pool.connection() as conn:
        rows = await shards.shards(conn)
    await pool.close()
    return rows


def _clock(settings: Settings) -> Iterator[Finding]:
    with psycopg.connect(settings.postgres.url, connect_timeout=5, autocommit=True) as connection:
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float").fetchone()
    assert row is not None
    apart = abs(time.time() - row[0])
    if apart > CLOCK_S_MAX:
        yield wrong("clock", f"{apart:.1f} s apart from Postgres'", mend="set both with NTP")
    else:
        yield right("clock", "agrees with Postgres'")
