"""Who owns which shard: epochs that fence off predecessors, leases, sweep positions, the slot map.

An epoch grows each time an actor takes a shard over. A predecessor that lives on finds its epoch gone with
its next renewal or durable write, and leaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from db.pool import Connection
from db.position import Position


@dataclass(frozen=True, slots=True)
class Claim:
    """What taking a shard over gives: the new epoch, and the position that its predecessor had reached."""

    epoch: int
    position: Position


CLAIM = """
INSERT INTO shards AS s (name, kind, epoch, lease_until, outbox_tx, outbox_id, started_at)
VALUES ($1, $2, 1, now() + make_interval(secs => $3), pg_snapshot_xmin(pg_current_snapshot()), 0, now())
ON CONFLICT (name) DO UPDATE
SET epoch = s.epoch + 1, lease_until = now() + make_interval(secs => $3), started_at = now()
RETURNING epoch, outbox_tx::text AS tx, outbox_id AS id
"""


async def claim(conn: Connection, *, name: str, kind: str, lease_ms: int) -> Claim:
    """Take a shard over from whoever had it. A shard new to the instance starts at the outbox's end."""
    record = await conn.fetchrow(CLAIM, name, kind, lease_ms / 1000)
    assert record is not None
    return Claim(record["epoch"], Position(record["tx"], record["id"]))


RENEW = """
UPDATE shards SET lease_until = now() + make_interval(secs => $3)
WHERE name = $1 AND epoch = $2 RETURNING epoch
"""


async def renew(conn: Connection, *, name: str, epoch: int, lease_ms: int) -> bool:
    """Prolong the lease; False when a newer epoch exists."""
    return await conn.fetchval(RENEW, name, epoch, lease_ms / 1000) is not None


SAVE_POSITION = """
UPDATE shards SET outbox_tx = $3::text::xid8, outbox_id = $4
WHERE name = $1 AND epoch = $2 RETURNING epoch
"""


async def save_position(conn: Connection, *, name: str, epoch: int, position: Position) -> bool:
    """Keep how far the sweep has come; False when a newer epoch exists."""
    return await conn.fetchval(SAVE_POSITION, name, epoch, position.tx, position.id) is not None


HOLD = "SELECT 1 FROM shards WHERE name = $1 AND epoch = $2 FOR SHARE"


async def hold(conn: Connection, *, name: str, epoch: int) -> bool:
    """Keep successors out until this transaction ends; False when there is one already, so roll back."""
    return await conn.fetchval(HOLD, name, epoch) is not None


SLOWEST = """
SELECT outbox_tx::text AS tx, outbox_id AS id FROM shards
WHERE kind = 'feeds' AND name IN (SELECT shard FROM slots WHERE kind = 'feeds')
ORDER BY outbox_tx, outbox_id LIMIT 1
"""


async def slowest(conn: Connection) -> Position:
    """The position that every feed shard with slots has passed; rows up to it may be forgotten."""
    record = await conn.fetchrow(SLOWEST)
    return Position(record["tx"], record["id"]) if record else Position()


ENROL = """
INSERT INTO shards (name, kind, outbox_tx)
SELECT name, $1, pg_snapshot_xmin(pg_current_snapshot()) FROM unnest($2::text[]) AS name
ON CONFLICT DO NOTHING
"""
PLACE = """
INSERT INTO slots AS s (kind, slot, shard, epoch)
SELECT $1, slot - 1, shard, 1 FROM unnest($2::text[]) WITH ORDINALITY AS given (shard, slot)
ON CONFLICT (kind, slot) DO UPDATE SET shard = excluded.shard, epoch = s.epoch + 1
WHERE s.shard <> excluded.shard
"""


async def place(conn: Connection, *, kind: str, owners: Sequence[str]) -> None:
    """Store who owns each slot, in slot order. Writes nothing where the map is the same already."""
    await conn.execute(ENROL, kind, sorted(set(owners)))
    await conn.execute(PLACE, kind, owners)


OWNERS = "SELECT shard FROM slots WHERE kind = $1 ORDER BY slot"


async def owners(conn: Connection, *, kind: str) -> tuple[str, ...]:
    """The stored owner of every slot, in slot order; empty before the first start."""
    return tuple(record["shard"] for record in await conn.fetch(OWNERS, kind))


@dataclass(frozen=True, slots=True)
class ShardRow:
    """One shard as an operator sees it."""

    name: str
    kind: str
    epoch: int
    slots: int
    lease_left_s: float
    position: Position
    behind: int  # outbox rows that it has not swept, counted up to 100,000


SHARDS = """
SELECT s.name, s.kind, s.epoch, s.outbox_tx::text AS tx, s.outbox_id AS id,
       extract(epoch FROM s.lease_until - now())::float AS lease_left_s,
       (SELECT count(*) FROM slots o WHERE o.kind = s.kind AND o.shard = s.name) AS slots,
       (SELECT count(*) FROM (
            SELECT 1 FROM outbox o WHERE s.kind = 'feeds' AND (o.tx, o.id) > (s.outbox_tx, s.outbox_id)
            LIMIT 100000) AS unswept) AS behind
FROM shards s ORDER BY s.name
"""


async def shards(conn: Connection) -> list[ShardRow]:
    """All shards that this instance ever had, by name."""
    return [
        ShardRow(
            name=record["name"],
            kind=record["kind"],
            epoch=record["epoch"],
            slots=record["slots"],
            lease_left_s=record["lease_left_s"],
            position=Position(record["tx"], record["id"]),
            behind=record["behind"],
        )
        for record in await conn.fetch(SHARDS)
    ]
