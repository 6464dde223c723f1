"""Acting on a running instance from the command line: through the same context and actions as a replica."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from api.context import Context
from cluster.settings import Settings
from db.migrate import check
from deployments import instance
from deployments.head import join
from deployments.home import Home

T = TypeVar("T")


def act(settings: Settings, home: Home, work: Callable[[Context], Awaitable[T]]) -> T:
    """What `work` answers, over the running instance of this home. Raises SetupError when none runs."""
    import ray

    if not ray.is_initialized():
        check(settings.postgres.url)
        join(instance.running(home).ray_address)

    async def run() -> T:
        async with operator_context(settings) as ctx:
            return await work(ctx)

    return asyncio.run(run())


@asynccontextmanager
async def operator_context(settings: Settings) -> AsyncIterator[Context]:
    """An open context of a process that is a driver of the instance's Ray."""
    from deployments.replica import make_context

    ctx = make_context(settings, replica="operator")
    await ctx.open()
    try:
        yield ctx
    finally:
        await ctx.close()
