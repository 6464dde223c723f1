"""A crowd with a skewed follow graph, written to Postgres as fast as COPY goes, and an oracle of its homes.

Follower counts are lognormal around a mean, as in real networks: most have few, some have thousands, and the
first account is followed by everybody.
"""

import asyncio
import datetime as dt
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import numpy as np
from numpy.typing import NDArray

from actors.routed_feeds import RoutedFeeds
from api.context import Context
from cluster.errors import Overloaded, Unavailable
from cluster.ids import id_at
from db.pages import Window

Numbers = NDArray[np.int64]

MEAN_FOLLOWERS = 403  # of the published demonstration that we compare ourselves with (DESIGN: Rama's)
SPREAD = 1.5  # sigma of the lognormal: the top hundredth has 20 % of all followers
FOLLOWERS_SHARE_MAX = 0.2  # nobody but the first has more than this part of the crowd
WARM_AT_ONCE = 128  # cold feeds asked for at once: each is about 400 probes of an index
WARM_ROUND = 10_000
COPY_ROWS = 200_000  # rows per piece of a COPY, 9 MB
SEED = 403

SECONDARY = """
SELECT indexdef AS definition, indexname AS name FROM pg_indexes
WHERE schemaname = 'public' AND tablename = 'follows' AND indexname <> 'follows_pkey'
"""


@dataclass(frozen=True, slots=True)
class Crowd:
    """People 0..count-1 with account ids `base` + number; edges sorted by follower, and by author."""

    base: int
    count: int
    follower: NDArray[np.int32]
    followed: NDArray[np.int32]
    by_author: NDArray[np.int32]  # followers, grouped by author
    author_starts: Numbers
    follower_starts: Numbers

    def account_ids(self) -> Numbers:
        """Everybody's account id."""
        return np.arange(self.base, self.base + self.count)

    def followers(self, author: int) -> NDArray[np.int32]:
        """Who follows somebody, by number."""
        return self.by_author[self.author_starts[author] : self.author_starts[author + 1]]

    def audience_sizes(self) -> Numbers:
        """How many feeds a post of each person enters: the followers' and the own one."""
        return np.diff(self.author_starts) + 1

    def home(self, who: int, *, ids: Numbers, authors: Numbers, length: int) -> list[int]:
        """What home must show of these posts (ids ascending, authors by number), newest first."""
        mine = self.followed[self.follower_starts[who] : self.follower_starts[who + 1]]
        shown = np.zeros(self.count, np.bool_)
        shown[mine] = True
        shown[who] = True
        found: list[int] = ids[shown[authors]][-length:][::-1].tolist()
        return found


def draw(*, count: int) -> Crowd:
    """A crowd of `count`, the same each time."""
    rng = np.random.default_rng(SEED)
    mean = min(MEAN_FOLLOWERS, max(1, count // 8))
    wishes = rng.lognormal(math.log(mean) - SPREAD**2 / 2, SPREAD, count)
    wishes[0] = 0.0
    for _ in range(5):  # cutting off the top lowers the mean, so it is raised again
        wishes *= (mean - 1) * count / wishes.sum()
        wishes = np.minimum(wishes, count * FOLLOWERS_SHARE_MAX)
    # So many draws with repeats that on average the wished number of different people is drawn.
    draws = np.ceil(-count * np.log1p(-wishes / count)).astype(np.int64)
    authors = np.repeat(np.arange(count), draws)
    keys = (authors << 32) | rng.integers(0, count, len(authors))  # author << 32 | follower
    keys = np.concatenate([np.arange(1, count), keys])
    keys.sort()  # np.unique would hash 40 million keys first
    keys = keys[np.append(True, keys[1:] != keys[:-1]) & ((keys >> 32) != (keys & 0xFFFFFFFF))]
    return _sorted(keys, count=count)


def fans(*, count: int) -> Crowd:
    """A crowd in which everybody follows the first one, and nobody else."""
    return _sorted(np.arange(1, count), count=count)


def _sorted(keys: Numbers, *, count: int) -> Crowd:
    by_author = (keys & 0xFFFFFFFF).astype(np.int32)
    authors = (keys >> 32).astype(np.int32)
    turned = (by_author.astype(np.int64) << 32) | authors
    turned.sort()
    follower = (turned >> 32).astype(np.int32)
    return Crowd(
        base=id_at(dt.datetime.now(dt.UTC) - dt.timedelta(days=1)),
        count=count,
        follower=follower,
        followed=(turned & 0xFFFFFFFF).astype(np.int32),
        by_author=by_author,
        author_starts=np.searchsorted(authors, np.arange(count + 1)),
        follower_starts=np.searchsorted(follower, np.arange(count + 1)),
    )


ACCOUNTS = """
INSERT INTO accounts (id, username)
SELECT $1::bigint + n, 'crowd_' || to_hex($1::bigint) || '_' || n FROM generate_series(0, $2::int - 1) n
"""
STATS = """
INSERT INTO account_stats (account_id, followers, following)
SELECT * FROM unnest($1::bigint[], $2::int[], $3::int[])
"""


async def settle(crowd: Crowd, *, url: str, alone: bool) -> None:
    """Write the crowd. `alone`: nobody else uses this database, so indexes may go and come back."""
    conn = await asyncpg.connect(url)
    try:
        # Foreign keys would be asked 80 million times about rows that were written a moment ago.
        await conn.execute("SET session_replication_role = replica; SET synchronous_commit = off;")
        await conn.execute("SET maintenance_work_mem = '512MB'")
        await conn.execute(ACCOUNTS, crowd.base, crowd.count)
        await conn.execute(
            STATS,
            crowd.account_ids().tolist(),
            (crowd.audience_sizes() - 1).tolist(),
            np.diff(crowd.follower_starts).tolist(),
        )
        indexes = await conn.fetch(SECONDARY) if alone else []
        for index in indexes:
            await conn.execute(f'DROP INDEX "{index["name"]}"')
        if alone:
            await conn.execute("ALTER TABLE follows DROP CONSTRAINT follows_pkey")
        await conn.copy_to_table(
            "follows", source=_follows(crowd), columns=("account_id", "target_id", "id"), format="binary"
        )
        if alone:
            await conn.execute("ALTER TABLE follows ADD PRIMARY KEY (account_id, target_id)")
        for index in indexes:
            await conn.execute(index["definition"])
        await conn.execute("VACUUM (ANALYZE) accounts, follows, account_stats")
    finally:
        await conn.close()


async def _follows(crowd: Crowd) -> AsyncIterator[bytes]:
    columns = (crowd.follower, crowd.followed, None)
    yield b"PGCOPY\n\xff\r\n\x00" + bytes(8)
    for start in range(0, len(crowd.follower), COPY_ROWS):
        stop = min(start + COPY_ROWS, len(crowd.follower))
        numbers = [
            np.arange(start, stop) if column is None else column[start:stop].astype(np.int64)
            for column in columns
        ]
        yield _tuples([crowd.base + number for number in numbers])
    yield b"\xff\xff"


def _tuples(columns: Sequence[Numbers]) -> bytes:
    """Rows of bigints in COPY's binary format."""
    fields = [("count", ">i2")]
    for place in range(len(columns)):
        fields += [(f"length{place}", ">i4"), (f"value{place}", ">i8")]
    rows = np.empty(len(columns[0]), np.dtype(fields))
    rows["count"] = len(columns)
    for place, column in enumerate(columns):
        rows[f"length{place}"] = 8
        rows[f"value{place}"] = column
    return rows.tobytes()


async def leave(crowd: Crowd, *, url: str) -> None:
    """Remove the crowd and everything of theirs."""
    conn = await asyncpg.connect(url)
    try:
        await conn.execute(
            "DELETE FROM accounts WHERE id BETWEEN $1 AND $2", crowd.base, crowd.base + crowd.count - 1
        )
    finally:
        await conn.close()


async def warm(ctx: Context, account_ids: Sequence[int]) -> None:
    """Touch every feed once, as people who come in the morning do."""
    gate = asyncio.Semaphore(WARM_AT_ONCE)

    async def touch(account_id: int) -> None:
        async with gate:
            while True:
                try:
                    await ctx.feeds.home(account_id=account_id, window=Window(limit=1))
                    return
                except (Unavailable, Overloaded):
                    await asyncio.sleep(0.1)

    for start in range(0, len(account_ids), WARM_ROUND):
        await asyncio.gather(*(touch(each) for each in account_ids[start : start + WARM_ROUND]))


async def shard_stats(ctx: Context) -> list[dict[str, Any]]:
    """What every feed shard says of itself; asks again those too busy to answer."""
    assert isinstance(ctx.feeds, RoutedFeeds)
    while True:
        stats = await ctx.feeds.stats()
        if all(entry["ready"] for entry in stats):
            return stats
        await asyncio.sleep(0.1)
