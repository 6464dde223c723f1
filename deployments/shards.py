"""The shard actors of an instance: started by `up`, watched for hanging, described for operators."""

import asyncio
from typing import Any

from rich.console import Console
from rich.table import Table

from actors.feeds import FeedShard
from actors.handles import RayFeeds
from actors.sessions import SessionShard
from actors.supervise import bring_up, replace_frozen
from cluster.settings import Settings
from cluster.sharding import SLOTS, assign
from cluster.topology import feed_shards, session_shards
from db.pool import Pool
from db.queries import shards
from deployments import instance
from deployments.head import join
from deployments.home import Home


def start_shards(settings: Settings) -> str:
    """Make every shard actor and wait until it owns its slots. Needs a migrated database."""

    async def start() -> None:
        await asyncio.gather(
            bring_up(FeedShard, names=feed_shards(settings), settings=settings),
            bring_up(SessionShard, names=session_shards(settings), settings=settings),
        )

    asyncio.run(start())
    return f"{settings.feeds.shards} feeds, {settings.sessions.shards} sessions"


def replace_hanging(settings: Settings) -> list[str]:
    """Replace shards that answer nobody although their process lives; their names."""
    return asyncio.run(replace_frozen(names=(*feed_shards(settings), *session_shards(settings))))


def describe(settings: Settings, home: Home) -> dict[str, Any]:
    """Shards by the database and by themselves, side by side."""
    join(instance.running(home).ray_address)

    async def ask() -> dict[str, Any]:
        pool = Pool(settings.postgres)
        await pool.open()
        feeds = RayFeeds(settings=settings)
        try:
            async with pool.connection() as conn:
                rows = await shards.shards(conn)
                stored = {kind: await shards.owners(conn, kind=kind) for kind in ("feeds", "sessions")}
            live = {stats["shard"]: stats for stats in await feeds.stats()}
        finally:
            await feeds.close()
            await pool.close()
        expected = {"feeds": assign(feed_shards(settings)), "sessions": assign(session_shards(settings))}
        return {
            "slots": SLOTS,
            "map_matches_settings": all(stored[kind] == expected[kind] for kind in expected),
            "shards": [
                {
                    "name": row.name,
                    "kind": row.kind,
                    "epoch": row.epoch,
                    "slots": row.slots,
                    "lease_left_s": round(row.lease_left_s, 2),
                    "outbox_rows_behind": row.behind,
                    "live": live.get(row.name, {}),
                }
                for row in rows
            ],
        }

    return asyncio.run(ask())


def render(described: dict[str, Any], console: Console) -> None:
    """A table for people."""
    table = Table("shard", "slots", "epoch", "lease s", "behind", "users", "edges", "watched")
    for shard in described["shards"]:
        live = shard["live"]
        cells = [
            shard["name"],
            shard["slots"],
            shard["epoch"],
            shard["lease_left_s"],
            shard["outbox_rows_behind"],
        ]
        cells += [live.get("users", "-"), live.get("edges", "-"), live.get("watched", "-")]
        table.add_row(*(str(cell) for cell in cells))
    console.print(table)
    if not described["map_matches_settings"]:
        console.print(
            "[yellow]the stored slot map is not the one that the settings make: restart to move slots[/]"
        )
