"""Bytes a user: growth of the feed shards over 200,000 full rings, and of the follow index over its edges."""

import asyncio
import contextlib
import ctypes
import gc
import sys
import time
from typing import Any

import psutil
from redis import Redis

from actors.states.feed_index import FollowIndex
from api.actions import statuses
from api.context import Context
from cluster.errors import SetupError, Unavailable
from db.pages import Window
from deployments.bench import crowd as crowds
from deployments.bench.base import Options, Result, Target
from deployments.bench.crowd import Crowd

USERS = 200_000
ABSENT_SHARE = 0.5  # beside every two who sign in there is one who never did
EDGES_USERS = 40_000  # whose edges are laid into one index: 8 million of a shard's half
BATCH = 100
SAMPLE = 200
PATIENCE_S = 60.0


async def run(target: Target, options: Options) -> Result:
    """Everybody follows one author: fill all rings with his posts, and read the shards' resident memory."""
    count = options.users or USERS
    if not target.throw_away:
        raise SetupError("memory fills the shards of an instance: leave out --home")
    ctx = target.ctx
    crowd = crowds.fans(count=round(count * (1 + ABSENT_SHARE)))
    await crowds.settle(crowd, url=target.settings.postgres.url, alone=True)
    length = ctx.settings.feeds.length_max
    empty = await _resident(ctx)
    await _post(ctx, crowd, count=BATCH)  # what a shard needs to work at all is not counted per user
    absent = await _resident(ctx)
    present = crowd.account_ids()[:count].tolist()
    await crowds.warm(ctx, present)
    await _post(ctx, crowd, count=length)
    for account_id in present[:: max(1, count // SAMPLE)]:
        await _fill(ctx, account_id)
    full = await _resident(ctx)
    index_bytes = await _index_bytes("fans", count)
    figures = {
        "bytes_per_user": (full - absent) / count - index_bytes,
        "index_bytes_per_user_here": index_bytes,
        "bytes_per_user_never_signed_in": max(0, absent - empty) / (crowd.count - count),
        "users": float(count),
        "shards_resident_bytes": float(full),
        "index_bytes_per_edge_and_direction": await _index_bytes("crowd", min(count, EDGES_USERS)),
    }
    baseline = {"valkey_bytes_per_user": _sorted_set(target.settings.redis.url, length=length)}
    figures["ratio"] = baseline["valkey_bytes_per_user"] / (figures["bytes_per_user"] + index_bytes)
    did = (
        f"{count:,} feeds of {length} entries in {ctx.settings.feeds.shards} shards, "
        f"{crowd.count - count:,} people who never signed in; beside a sorted set of as many entries"
    )
    return Result("memory", figures, baseline, did)


async def _post(ctx: Context, crowd: Crowd, *, count: int) -> None:
    for start in range(0, count, BATCH):
        drafts = [
            statuses.Draft(crowd.base, f"Number {start + place}.", "public", sensitive=False, language="en")
            for place in range(min(BATCH, count - start))
        ]
        ids = await statuses.post_many(ctx, drafts)
        await _see(ctx, reader=crowd.base + 1, status_id=ids[-1])


async def _fill(ctx: Context, account_id: int) -> None:
    """Return when a ring is full; shards may still be at the last posts."""
    length = ctx.settings.feeds.length_max
    found = 0
    deadline = time.monotonic() + PATIENCE_S
    while found < length:
        if time.monotonic() > deadline:
            raise SetupError(f"a ring has {found} entries and not {length}: the figures are void")
        with contextlib.suppress(Unavailable):
            found = len((await ctx.feeds.home(account_id=account_id, window=Window(limit=length))).ids)


async def _see(ctx: Context, *, reader: int, status_id: int) -> None:
    window = Window(limit=1)
    ids: tuple[int, ...] = ()
    while status_id not in ids:
        await asyncio.sleep(0.05)
        with contextlib.suppress(Unavailable):
            ids = (await ctx.feeds.home(account_id=reader, window=window)).ids


async def _resident(ctx: Context) -> int:
    """Bytes of memory that the shard processes hold."""
    return sum(psutil.Process(entry["pid"]).memory_info().rss for entry in await crowds.shard_stats(ctx))


async def _index_bytes(kind: str, users: int) -> float:
    """Measure an index in a process of its own: rings and a server's other work would hide it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deployments.bench.memory", kind, str(users)), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return float(output)


def _lay(crowd: Crowd, *, rows: int) -> tuple[int, int]:
    """Resident bytes and edges of an index over the first `rows` people of a crowd."""
    index = FollowIndex()
    ids = crowd.account_ids()
    _follow(index, crowd, ids, row=0)
    gc.collect()
    # What drawing the crowd freed must not serve the index unseen.
    ctypes.CDLL(None).malloc_trim(0)
    before = psutil.Process().memory_info().rss
    for row in range(1, rows):
        _follow(index, crowd, ids, row=row)
    gc.collect()
    return psutil.Process().memory_info().rss - before, index.edges


def _follow(index: FollowIndex, crowd: Crowd, ids: Any, *, row: int) -> None:
    start, stop = crowd.follower_starts[row], crowd.follower_starts[row + 1]
    index.add(row, authors=(int(ids[row]), *ids[crowd.followed[start:stop]].tolist()))


def _sorted_set(url: str, *, length: int) -> float:
    """What one such feed takes in Valkey."""
    client = Redis.from_url(url, db=9)
    client.zadd("home", {str(number << 20): number << 20 for number in range(2**40, 2**40 + length)})
    taken: Any = client.memory_usage("home", samples=0)
    client.flushdb()
    client.close()
    return float(taken)


def main(kind: str, users: int) -> None:
    """Print bytes per edge and direction of half a skewed crowd, as one of two shards has them, or bytes per
    user of an index in which everybody follows one."""
    if kind == "crowd":
        taken, edges = _lay(crowds.draw(count=users), rows=users // 2)
        print(taken / edges / 2)
    else:
        taken, _ = _lay(crowds.fans(count=users), rows=users)
        print(taken / users)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
