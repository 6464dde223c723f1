"""After the commit: this replica forgets what its own write made stale, then the shards hear of it."""

from collections.abc import Sequence

from api.context import Context
from cluster.events import OutboxRow


async def announce(ctx: Context, rows: Sequence[OutboxRow]) -> None:
    """Tell what was committed, at home first: whoever wrote reads their own write at once.

    Waits at most `feeds.nudge_wait_ms` for the shards and never raises; what is lost, they sweep up.
    """
    for row in rows:
        ctx.cards.note(row.event)
        ctx.viewers.note(row.event)
        ctx.heads.note(row.event)
    await ctx.feeds.tell(rows)
