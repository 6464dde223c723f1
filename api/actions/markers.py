"""Read markers: how far a person has read home and notifications, kept for all of their devices."""

from collections.abc import Sequence

from api.context import Context
from db.queries import markers
from db.queries.markers import Marker

__all__ = ["TIMELINES", "Marker", "read", "save"]

TIMELINES = ("home", "notifications")


async def read(ctx: Context, *, account_id: int, timelines: Sequence[str]) -> list[Marker]:
    """The asked markers that were ever set; unknown names have none."""
    wanted = [timeline for timeline in timelines if timeline in TIMELINES]
    if not wanted:
        return []
    async with ctx.pool.connection() as conn:
        return await markers.of_account(conn, account_id=account_id, timelines=wanted)


async def save(ctx: Context, *, account_id: int, last_read: dict[str, int]) -> list[Marker]:
    """Set markers: timeline -> id of the last entry read."""
    if not last_read:
        return []
    async with ctx.pool.transaction() as conn:
        return await markers.upsert(conn, account_id=account_id, read=last_read)
