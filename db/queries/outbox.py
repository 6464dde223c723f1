"""The outbox: what happened, written in the transaction that it describes, and swept by the feed shards.

(tx, id) orders the sweep. A row whose `tx` is below the oldest running transaction can never be joined by
an earlier one, so a sweep that reads only such rows skips nothing. `id` names a row for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from cluster.events import EVENTS, Event, OutboxRow
from db.pool import Connection
from db.position import Position


@dataclass(frozen=True, slots=True)
class Swept:
    """One step of a sweep: ids in sweep order, and the position behind the last of them."""

    ids: tuple[int, ...]
    position: Position


APPEND = """
INSERT INTO outbox (kind, members)
SELECT kind, members::jsonb
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS given (kind, members, place)
ORDER BY place
RETURNING id
"""


async def append(conn: Connection, *, events: Sequence[Event]) -> list[OutboxRow]:
    """Write events in order; the caller tells the rows to the shards after its commit."""
    if not events:
        return []
    kinds = [event.kind for event in events]
    members = [orjson.dumps(event.row()).decode() for event in events]
    # Identities are drawn after the sort, so ascending ids are in the order of the events.
    ids = sorted(record["id"] for record in await conn.fetch(APPEND, kinds, members))
    return [OutboxRow(identifier, event) for identifier, event in zip(ids, events, strict=True)]


SWEEP = """
WITH step AS (
    SELECT tx, id FROM outbox
    WHERE (tx, id) > ($1::text::xid8, $2::bigint) AND tx < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY tx, id LIMIT $3
)
SELECT coalesce(array_agg(id ORDER BY tx, id), '{}') AS ids,
       (SELECT tx::text FROM step ORDER BY tx DESC, id DESC LIMIT 1) AS tx
FROM step
"""


async def sweep(conn: Connection, *, after: Position, limit: int) -> Swept:
    """The next rows after a position, ids only: nearly all of them were told already."""
    record = await conn.fetchrow(SWEEP, after.tx, after.id, limit)
    assert record is not None
    ids = tuple(record["ids"])
    return Swept(ids, Position(record["tx"], ids[-1]) if ids else after)


ROWS = """
SELECT id, kind, members FROM outbox
WHERE (tx, id) > ($1::text::xid8, $2::bigint) AND (tx, id) <= ($3::text::xid8, $4::bigint)
  AND id = ANY($5::bigint[])
ORDER BY tx, id
"""


async def rows(conn: Connection, *, after: Position, upto: Position, ids: Sequence[int]) -> list[OutboxRow]:
    """The named rows between two positions, in sweep order, without kinds that a newer version added."""
    records = await conn.fetch(ROWS, after.tx, after.id, upto.tx, upto.id, ids)
    return [
        OutboxRow(record["id"], EVENTS[record["kind"]].from_row(record["members"]))
        for record in records
        if record["kind"] in EVENTS
    ]


POSTED = """
SELECT id, kind, members FROM outbox
WHERE (tx, id) > ($1::text::xid8, $2::bigint) AND kind = 'posted' AND (members->>0)::bigint > $3
ORDER BY id
"""


async def posted(conn: Connection, *, after: Position, above: int) -> list[OutboxRow]:
    """Statuses with ids above `above` that are visible now, also those that a sweep may not pass yet."""
    records = await conn.fetch(POSTED, after.tx, after.id, above)
    return [OutboxRow(record["id"], EVENTS[record["kind"]].from_row(record["members"])) for record in records]


NEWEST_STATUS = "SELECT last_value FROM status_chain"


async def newest_status(conn: Connection) -> int:
    """The newest status id that was minted; all of them are visible to whoever holds the order lock."""
    newest: int = await conn.fetchval(NEWEST_STATUS)
    return newest


END = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"


async def end(conn: Connection) -> Position:
    """The position behind everything that is visible to every snapshot from now on."""
    return Position(await conn.fetchval(END), 0)


PRUNE = """
DELETE FROM outbox WHERE (tx, id) IN (
    SELECT tx, id FROM outbox
    WHERE (tx, id) <= ($1::text::xid8, $2::bigint) AND created_at < now() - make_interval(secs => $3)
    ORDER BY created_at LIMIT $4
)
"""


async def prune(conn: Connection, *, upto: Position, keep_s: float, limit: int) -> int:
    """Forget at most `limit` rows up to a position that are older than `keep_s`; returns how many."""
    status = await conn.execute(PRUNE, upto.tx, upto.id, float(keep_s), limit)
    return int(status.rsplit(" ", 1)[-1])


LAST_ID = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM outbox_id_seq"


async def last_id(conn: Connection) -> int:
    """No row has a higher id yet, committed or not."""
    return int(await conn.fetchval(LAST_ID))
