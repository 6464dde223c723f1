"""Deliveries a second into 100,000 home feeds with 403 followers a post on average, posts durable first."""

import asyncio
import contextlib
import time
from dataclasses import dataclass, field

import numpy as np
from redis import Redis

from api.actions import statuses, timelines
from api.context import Context
from cluster.errors import SetupError, Unavailable
from db.pages import Window
from deployments.bench import crowd as crowds
from deployments.bench.base import Options, Result, Target
from deployments.bench.crowd import Crowd

USERS = 100_000
SECONDS = 60.0
ENVIRONMENT = {"SOCIALFLOW_STATUSES__COMMIT_BATCH_MAX": "1024"}  # a commit waits for the disk: share it more
BATCH = 512  # drafts handed over at once: one commit
WRITERS = 3  # while one batch is committed, the next is read and the last one is told
SAMPLE = 1_000  # feeds that must equal the oracle
BASELINE_SHARE = 0.2  # of the seconds, for ZADD
PIPELINE = 10_000  # commands of one ZADD pipeline
HERE_USERS_MAX = 2_000  # a larger crowd needs indexes dropped, which is not done to somebody's instance


@dataclass(slots=True)
class Flow:
    """What was posted, in the order of acknowledgement, and how long a follower waited for it."""

    ids: list[int] = field(default_factory=list)
    authors: list[int] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)


async def run(target: Target, options: Options) -> Result:
    """Seed the crowd, load its feeds, post for a minute, wait until every feed has every post; then ZADD."""
    count = options.users or USERS
    seconds = options.seconds or SECONDS
    if not target.throw_away and count > HERE_USERS_MAX:
        raise SetupError(f"a crowd above {HERE_USERS_MAX} needs an instance of its own: leave out --home")
    ctx = target.ctx
    url = target.settings.postgres.url
    crowd = await asyncio.to_thread(crowds.draw, count=count)
    began = time.monotonic()
    await crowds.settle(crowd, url=url, alone=target.throw_away)
    seeded_s = time.monotonic() - began
    try:
        await crowds.warm(ctx, crowd.account_ids().tolist())
        warm_s = time.monotonic() - began - seeded_s
        flow = Flow()
        figures = await _measure(ctx, crowd, flow, seconds=seconds)
        await _verify(ctx, crowd, flow)
        baseline = await asyncio.to_thread(
            _zadd, target.settings.redis.url, crowd, seconds=seconds * BASELINE_SHARE
        )
    finally:
        if not target.throw_away:
            await crowds.leave(crowd, url=url)
    figures |= {"seed_seconds": seeded_s, "warm_seconds": warm_s}
    figures["ratio"] = figures["deliveries_per_s"] / baseline["deliveries_per_s"]
    did = (
        f"{len(flow.ids):,} posts of {count:,} people with {len(crowd.follower) / count:.0f} followers each "
        f"on average, in batches of {BATCH} through the action; {min(SAMPLE, count):,} feeds equal the oracle"
    )
    return Result("fanout", figures, baseline, did)


async def _measure(ctx: Context, crowd: Crowd, flow: Flow, *, seconds: float) -> dict[str, float]:
    """Post for `seconds`; the clock stops when every feed has every post."""
    order = np.random.default_rng(crowds.SEED).permutation(crowd.count)
    turn = iter(range(10**9))
    audiences = crowd.audience_sizes()
    before = await _delivered(ctx)
    began = time.monotonic()

    async def write() -> None:
        while time.monotonic() - began < seconds:
            first = next(turn) * BATCH
            authors = order[(first + np.arange(BATCH)) % crowd.count].tolist()
            handed_over = time.monotonic()
            ids = await statuses.post_many(ctx, [_draft(crowd, author) for author in authors])
            flow.ids += ids
            flow.authors += authors
            await _see(ctx, crowd, author=authors[-1], status_id=ids[-1])
            flow.waits_s.append(time.monotonic() - handed_over)

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    posted_s = time.monotonic() - began
    expected = int(audiences[np.array(flow.authors)].sum())
    while await _delivered(ctx) - before < expected:  # noqa: ASYNC110 - shards are other processes
        await asyncio.sleep(0.01)
    elapsed = time.monotonic() - began
    waits_ms = np.array(flow.waits_s) * 1000
    return {
        "deliveries_per_s": expected / elapsed,
        "posts_per_s": len(flow.ids) / elapsed,
        "followers_per_post": expected / len(flow.ids) - 1,
        "seconds": elapsed,
        "drain_ms": (elapsed - posted_s) * 1000,
        "batch_to_readable_p50_ms": float(np.percentile(waits_ms, 50)),
        "batch_to_readable_p99_ms": float(np.percentile(waits_ms, 99)),
    }


def _draft(crowd: Crowd, author: int) -> statuses.Draft:
    return statuses.Draft(
        crowd.base + author, f"Good morning from number {author}.", "public", sensitive=False, language="en"
    )


async def _see(ctx: Context, crowd: Crowd, *, author: int, status_id: int) -> None:
    """Return when one follower's home shows a post."""
    followers = crowd.followers(author)
    reader = crowd.base + int(followers[status_id % len(followers)] if len(followers) else author)
    while True:
        with contextlib.suppress(Unavailable):
            part = await ctx.feeds.home(account_id=reader, window=Window(limit=40, since_id=status_id - 1))
            if status_id in part.ids or len(part.ids) == 40:
                return
        await asyncio.sleep(0.01)


async def _delivered(ctx: Context) -> int:
    return sum(int(entry["deliveries"]) for entry in await crowds.shard_stats(ctx))


async def _verify(ctx: Context, crowd: Crowd, flow: Flow) -> None:
    """Sampled feeds, as the home timeline reads them, must equal the oracle."""
    ids = np.array(flow.ids)
    order = np.argsort(ids)
    ids, authors = ids[order], np.array(flow.authors)[order]
    length = ctx.settings.feeds.length_max
    sample = np.random.default_rng(1).choice(crowd.count, min(SAMPLE, crowd.count), replace=False)
    for who in sample.tolist():
        found = await timelines.home_ids(ctx, account_id=crowd.base + who, window=Window(limit=length))
        wanted = crowd.home(who, ids=ids, authors=authors, length=length)
        if list(found) != wanted:
            raise SetupError(f"the feed of number {who} differs from the oracle: the figures are void")


def _zadd(url: str, crowd: Crowd, *, seconds: float) -> dict[str, float]:
    """The same fan-out as a list of sorted sets: one pipelined ZADD per follower and post."""
    client = Redis.from_url(url, db=9)
    order = np.random.default_rng(crowds.SEED).permutation(crowd.count).tolist()
    done = posts = 0
    pipeline = client.pipeline(transaction=False)
    began = time.monotonic()
    for author in order:
        status_id = str(crowd.base + posts)
        for follower in [author, *crowd.followers(author).tolist()]:
            pipeline.zadd(f"home:{follower}", {status_id: posts})
            done += 1
            if done % PIPELINE == 0:
                pipeline.execute()
        posts += 1
        if time.monotonic() - began > seconds:
            break
    pipeline.execute()
    elapsed = time.monotonic() - began
    client.flushdb()
    client.close()
    return {"deliveries_per_s": done / elapsed, "posts_per_s": posts / elapsed, "seconds": elapsed}
