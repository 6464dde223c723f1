"""What nobody asks for: uploads that were never posted and idempotency keys that repeat nothing any more go.

Every replica does it now and then. Two at once do no harm: each row is deleted once.
"""

import asyncio
import random

from api.actions import media
from api.context import Context
from cluster import observe
from cluster.errors import SocialFlowError
from db.queries import statuses

EVERY_S = 600  # nothing here is urgent: uploads are kept a day, keys an hour

log = observe.logger("housekeeping")


async def run(ctx: Context) -> None:
    """Clean up until cancelled, at times that differ between replicas."""
    while True:
        await asyncio.sleep(EVERY_S * random.uniform(0.5, 1.5))
        try:
            await clean(ctx)
        except SocialFlowError as error:  # the database or the store is away: next time
            log.warning("housekeeping_failed", reason=str(error))


async def clean(ctx: Context) -> None:
    """Clean up once. Raises Unavailable."""
    await media.sweep(ctx)
    async with ctx.pool.transaction() as conn:
        await statuses.forget_keys(conn, keep_s=ctx.settings.statuses.idempotency_ttl_s)
