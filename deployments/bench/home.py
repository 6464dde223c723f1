"""Home pages of 20 statuses for 20 viewers, 16 at once, beside a static route with the same bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.actions import follows, statuses
from api.actions.posting import Draft
from api.context import Context
from db.queries.relations import FollowOptions
from deployments.bench.base import Options, Result, Target
from deployments.bench.guests import Guest, dismiss, invite
from deployments.bench.yardstick import CONNECTIONS, compare

VIEWERS = 20
AUTHORS = 10
POSTS = 100  # five pages
TEXT = "@{name} #bench {words}"
WORDS = "the quick brown fox jumps over the lazy dog while it is raining on the old town " * 5
TEXT_CHARACTERS = 250  # makes pages of about 43 KB, as Mastodon and GoToSocial have them


@asynccontextmanager
async def town(ctx: Context) -> AsyncIterator[tuple[list[Guest], list[int]]]:
    """Viewers who follow authors who have posted, and the posts; gone when the bench is over."""
    viewers = await invite(ctx, count=VIEWERS, prefix="viewer")
    authors = await invite(ctx, count=AUTHORS, prefix="author")
    try:
        for viewer in viewers:
            for author in authors:
                await follows.follow(
                    ctx, account_id=viewer.account_id, target_id=author.account_id, options=FollowOptions()
                )
        posts = await statuses.post_many(ctx, [_draft(authors, viewers, number) for number in range(POSTS)])
        yield viewers, posts
    finally:
        await dismiss(ctx, [*viewers, *authors])


def _draft(authors: list[Guest], viewers: list[Guest], number: int) -> Draft:
    name = viewers[number % len(viewers)].username
    text = TEXT.format(name=name, words=WORDS)[:TEXT_CHARACTERS]
    return Draft(account_id=authors[number % len(authors)].account_id, text=text)


async def run(target: Target, options: Options) -> Result:
    """Measure."""
    async with town(target.ctx) as (viewers, _posts):
        await asyncio.sleep(1)  # every shard has swept what it was told
        requests = [("/api/v1/timelines/home", viewer.token) for viewer in viewers]
        seen = await compare(target, requests=requests, seconds=options.seconds)
    did = f"{VIEWERS} viewers, pages of 20 statuses ({seen.page_bytes} bytes), {CONNECTIONS} at once"
    return Result("home", seen.figures(), seen.baseline(), did)
