"""One status by its id, 16 requests at once, beside a static route with the same bytes."""

from deployments.bench.base import Options, Result, Target
from deployments.bench.home import town
from deployments.bench.yardstick import CONNECTIONS, compare


async def run(target: Target, options: Options) -> Result:
    """Measure."""
    async with town(target.ctx) as (viewers, posts):
        requests = [(f"/api/v1/statuses/{posts[-1]}", viewer.token) for viewer in viewers]
        seen = await compare(target, requests=requests, seconds=options.seconds)
    did = f"one status ({seen.page_bytes} bytes) for {len(viewers)} viewers, {CONNECTIONS} at once"
    return Result("status", seen.figures(), seen.baseline(), did)
