"""Posts by HTTP, 8 at once, by authors with 100 local followers each, until all feeds have them."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from api.actions import follows
from api.context import Context
from cluster.errors import SetupError
from db.pages import Window
from db.queries.relations import FollowOptions
from deployments.bench.base import Options, Result, Target
from deployments.bench.client import Address, load, request_bytes
from deployments.bench.guests import Guest, dismiss, invite

AUTHORS = 8  # each posts on a connection of its own, one post after the other
FOLLOWERS = 100  # of each author, and of nobody else: a feed is one author's posts
SECONDS = 8.0
WARM_S = 1.0
BASELINE_S = 3.0
CHECKED = 400  # newest entries of each feed that are compared; a ring keeps 600
PATIENCE_S = 10.0  # feeds that are not complete by then never will be
FOLLOW_AT_ONCE = 8
TEXT = "the quick brown fox jumps over the lazy dog while it is raining on the old town #bench"

Audiences = Mapping[Guest, Sequence[Guest]]

POSTED = "SELECT account_id, id FROM statuses WHERE account_id = ANY($1::bigint[]) ORDER BY id DESC"
BASELINE_TABLE = "CREATE TABLE bench_posts (id bigserial PRIMARY KEY, account_id bigint, text text)"
BASELINE_INSERT = "INSERT INTO bench_posts (account_id, text) VALUES ($1, $2) RETURNING id"
BASELINE_END = "DROP TABLE bench_posts"


@asynccontextmanager
async def audiences(ctx: Context) -> AsyncIterator[Audiences]:
    """Authors with their followers, whose feeds are loaded; gone when the bench is over."""
    authors = await invite(ctx, count=AUTHORS, prefix="author")
    fans = await invite(ctx, count=AUTHORS * FOLLOWERS, prefix="fan")
    crowd = {author: fans[number::AUTHORS] for number, author in enumerate(authors)}
    places = asyncio.Semaphore(FOLLOW_AT_ONCE)

    async def follow(fan: Guest, author: Guest) -> None:
        async with places:
            await follows.follow(
                ctx, account_id=fan.account_id, target_id=author.account_id, options=FollowOptions()
            )

    try:
        await asyncio.gather(*(follow(fan, author) for author, each in crowd.items() for fan in each))
        await _feeds(ctx, fans, limit=1)
        yield crowd
    finally:
        await dismiss(ctx, [*authors, *fans])


async def _feeds(ctx: Context, fans: Sequence[Guest], *, limit: int) -> list[tuple[int, ...]]:
    """The newest entries of each home feed, as the shards have them."""
    window = Window(limit=limit)
    slices = await asyncio.gather(*(ctx.feeds.home(account_id=fan.account_id, window=window) for fan in fans))
    return [each.ids for each in slices]


async def _posted(ctx: Context, authors: Sequence[Guest]) -> dict[int, list[int]]:
    """What each author has posted, newest first: the truth that feeds are compared with."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    async with ctx.pool.connection() as conn:
        for row in await conn.fetch(POSTED, [author.account_id for author in authors]):
            found[row["account_id"]].append(row["id"])
    return found


async def _drain(ctx: Context, crowd: Audiences) -> int:
    """Wait until every feed has every post; how many posts there are. Raises SetupError if never."""
    posted = await _posted(ctx, list(crowd))
    fans = [fan for each in crowd.values() for fan in each]
    wanted = [tuple(posted[author.account_id][:CHECKED]) for author, each in crowd.items() for _ in each]
    until = time.monotonic() + PATIENCE_S
    while (feeds := await _feeds(ctx, fans, limit=CHECKED)) != wanted:
        if time.monotonic() > until:
            behind = sum(has != want for has, want in zip(feeds, wanted, strict=True))
            raise SetupError(f"{behind} of {len(fans)} feeds lack posts that were acknowledged")
        await asyncio.sleep(0)
    return sum(map(len, posted.values()))


async def _commits_per_s(ctx: Context) -> float:
    """One row a commit, as many writers at once: what a post would cost at least without group commit."""
    done = 0
    until = time.monotonic() + BASELINE_S

    async def write() -> None:
        nonlocal done
        while time.monotonic() < until:
            async with ctx.pool.connection() as conn:
                await conn.execute(BASELINE_INSERT, 1, TEXT)
            done += 1

    async with ctx.pool.connection() as conn:
        await conn.execute(BASELINE_TABLE)
    try:
        await asyncio.gather(*(write() for _ in range(AUTHORS)))
    finally:
        async with ctx.pool.connection() as conn:
            await conn.execute(BASELINE_END)
    return done / BASELINE_S


async def run(target: Target, options: Options) -> Result:
    """Measure."""
    ctx, address = target.ctx, Address.of(target.base_url)
    body = json.dumps({"status": TEXT}).encode()
    async with audiences(ctx) as crowd:
        requests = [
            [request_bytes("/api/v1/statuses", address=address, token=author.token, method="POST", body=body)]
            for author in crowd
        ]
        measured = await load(
            address, requests=requests, seconds=options.seconds or SECONDS, warm_seconds=WARM_S
        )
        ended = time.monotonic()
        if measured.failed or not measured.answered:
            raise SetupError(f"posts were answered {dict(measured.statuses)}")
        total = await _drain(ctx, crowd)
        drain_s = time.monotonic() - ended
        baseline = await _commits_per_s(ctx)
    drained = measured.answered / (measured.seconds + drain_s)
    figures = {
        "posts_per_s": measured.per_second,
        "p50_ms": measured.percentile_ms(0.5),
        "p99_ms": measured.percentile_ms(0.99),
        "drained_posts_per_s": drained,
        "drain_ms": drain_s * 1000,
        "deliveries_per_s": drained * FOLLOWERS,
        "ratio": drained / baseline,
    }
    did = (
        f"{total} posts by {AUTHORS} authors at once with {FOLLOWERS} followers each, until all feeds were "
        "complete; beside rows committed one by one by as many writers"
    )
    return Result("post", figures, {"posts_per_s": baseline}, did)
