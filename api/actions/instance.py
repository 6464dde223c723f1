"""What this server says of itself, and whether its parts answer."""

import asyncio
import datetime as dt
from collections.abc import Awaitable

from api import drawing
from api.context import Context
from api.manifest import Instance
from cluster.errors import Forbidden, SocialFlowError, Unavailable
from db.queries import instance as figures
from db.queries.instance import Week

MONTH = dt.timedelta(weeks=4)
ACTIVITY_WEEKS = 12  # as Mastodon
STAFF = ("admin", "owner")
PROBE_S = 1.0  # a part that needs longer to say that it is there is not ready


async def describe(ctx: Context) -> Instance:
    """What the instance documents are made from."""
    async with ctx.pool.connection() as conn:
        usage = await figures.usage(conn, since=ctx.clock.now() - MONTH)
        contact_id = await figures.contact(conn)
    drawn = await drawing.draw_accounts(ctx, ids=[] if contact_id is None else [contact_id])
    return Instance(ctx.settings, usage, drawn[0] if drawn else None)


async def activity(ctx: Context) -> list[dict[str, str]]:
    """Twelve weeks, the current one first."""
    now = ctx.clock.now()
    monday = (now - dt.timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [monday - dt.timedelta(weeks=week) for week in range(ACTIVITY_WEEKS)]
    async with ctx.pool.connection() as conn:
        weeks = {week.start: week for week in await figures.activity(conn, since=starts[-1])}
    nothing = Week(monday, 0, 0, 0)
    return [
        {
            "week": str(int(start.timestamp())),
            "statuses": str(weeks.get(start, nothing).statuses),
            "logins": str(weeks.get(start, nothing).people),
            "registrations": str(weeks.get(start, nothing).registrations),
        }
        for start in starts
    ]


async def require_staff(ctx: Context, *, account_id: int) -> None:
    """Raises Forbidden for everybody who only uses this server."""
    async with ctx.pool.connection() as conn:
        role = await figures.role(conn, account_id=account_id)
    if role not in STAFF:
        raise Forbidden


async def readiness(ctx: Context) -> dict[str, str]:
    """Every part that a request needs: "ok", or what is wrong with it."""
    probes: dict[str, Awaitable[object]] = {
        "postgres": _postgres(ctx),
        "valkey": ctx.bus.pipeline([("PING",)]),
        "feeds": _feeds(ctx),
        "sessions": ctx.sessions.live(session_ids=[0]),
        "revocations": _revocations(ctx),
    }
    states = await asyncio.gather(*(_state(probe) for probe in probes.values()))
    return dict(zip(probes, states, strict=True))


async def _state(probe: Awaitable[object]) -> str:
    try:
        await asyncio.wait_for(probe, PROBE_S)
    except SocialFlowError as error:
        return error.message
    except TimeoutError:
        return "does not answer in time"
    return "ok"


async def _postgres(ctx: Context) -> None:
    async with ctx.pool.connection() as conn:
        await conn.execute("SELECT 1")


async def _feeds(ctx: Context) -> None:
    if not ctx.inbox.fresh(None):
        raise Unavailable("a feed shard was not heard for a second")


async def _revocations(ctx: Context) -> None:
    if not ctx.tokens.ready:
        raise Unavailable(
            "revoked sessions are not loaded, or the session shards were not heard for a second"
        )
