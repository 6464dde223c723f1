"""Whoever reads a feed and then asks for what is newer gets everything, whichever replica told first."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from api.actions import statuses
from api.actions.statuses import Draft
from api.committer import Committer
from api.context import Context
from cluster.events import OutboxRow
from cluster.settings import Settings
from db.pages import Window
from tests.api.world import World, open_world


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The sweep, which would bring what is late, comes too late for these tests."""
    return settings.model_copy(update={"feeds": settings.feeds.model_copy(update={"sweep_ms": 60_000})})


class Mute:
    """The shards as a replica knows them whose tellings are slow."""

    def __init__(self, feeds: Any) -> None:
        self._feeds = feeds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._feeds, name)

    async def tell(self, rows: Sequence[OutboxRow]) -> None:
        return None


def slow_replica(ctx: Context) -> Context:
    committer = Committer(pool=ctx.pool, feeds=Mute(ctx.feeds), limits=ctx.settings.statuses)
    return dataclasses.replace(ctx, committer=committer)


async def test_a_later_post_is_not_shown_before_an_earlier_one_of_another_replica(settings: Settings) -> None:
    async with open_world(settings) as world:
        ctx, alice = world.context, await world.person("alice")
        await ctx.feeds.home(account_id=alice.account_id, window=Window())
        first = await statuses.post(slow_replica(ctx), draft(world, alice.account_id, "first"))
        second = await statuses.post(ctx, draft(world, alice.account_id, "second"))
        seen = await ctx.feeds.home(account_id=alice.account_id, window=Window())
        assert seen.ids == (second, first)


async def test_a_post_that_was_rolled_back_is_not_waited_for(settings: Settings) -> None:
    async with open_world(settings) as world:
        ctx, alice = world.context, await world.person("alice")
        await ctx.feeds.home(account_id=alice.account_id, window=Window())
        async with ctx.pool.connection() as conn:
            await conn.execute("SELECT mint_status_ids(1)")  # as a transaction that failed leaves it
        posted = await statuses.post(ctx, draft(world, alice.account_id, "after a gap"))
        seen = await ctx.feeds.home(account_id=alice.account_id, window=Window())
        assert seen.ids == (posted,)


def draft(world: World, account_id: int, text: str) -> Draft:
    return Draft(account_id=account_id, app_id=world.app_id, text=text)
