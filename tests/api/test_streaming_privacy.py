"""What must not reach a stream: private and direct posts of others, blocked and muted people, gone follows.

Also right after the change, while news of it are still on their way or were lost.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from api.actions import follows, lists, reactions, relations
from cluster.events import OutboxRow, RelationChanged, ViewerChanged
from tests.api.streams import Gateway, follow, open_gateway, post, text_of
from tests.api.world import Person, World


@pytest.fixture
async def gateway(world: World) -> AsyncIterator[Gateway]:
    async with open_gateway(world) as gateway:
        yield gateway


@pytest.fixture
async def people(world: World) -> list[Person]:
    """Bob and carol follow alice; dave knows nobody."""
    alice, bob, carol, dave = await world.people("alice", "bob", "carol", "dave")
    await follow(world.context, bob, alice)
    await follow(world.context, carol, alice)
    return [alice, bob, carol, dave]


async def lose_relations(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on shards are not told of changed relations: only their sweep brings them, much later."""
    tell = world.context.feeds.tell

    async def forgetful(rows: Sequence[OutboxRow]) -> None:
        await tell([row for row in rows if not isinstance(row.event, RelationChanged | ViewerChanged)])

    monkeypatch.setattr(world.context.feeds, "tell", forgetful)


async def test_private_and_direct_posts_reach_only_whom_they_are_for(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    alice, bob, carol, dave = people
    everything = ("user", "public", {"stream": "hashtag", "tag": "secret"}, "direct")
    async with (
        gateway.reader(bob, "user") as follower,
        gateway.reader(dave, *everything) as stranger,
        gateway.reader(carol, "user", "public") as other,
        gateway.reader(None, "public", everything[2]) as nobody,
    ):
        await post(world.context, alice, "for followers #secret", visibility="private")
        await post(world.context, alice, "@bob for you #secret", visibility="direct")
        await post(world.context, alice, "@dave come in #secret", visibility="private")
        heard = [await follower.next() for _ in range(4)]  # the mention is a notification too
        posts = [event["payload"]["visibility"] for event in heard if event["event"] == "update"]
        assert posts == ["private", "direct", "private"]
        assert [(await other.next())["payload"]["visibility"] for _ in range(2)] == ["private"] * 2
        invitation = await stranger.next()
        assert invitation["event"] == "notification"
        assert "come in" in invitation["payload"]["status"]["content"]
        assert await stranger.silent()
        assert await other.silent(0.05)
        assert await nobody.silent(0.05)


@pytest.mark.parametrize("change", ["unfollow", "removed", "blocked"])
async def test_a_private_post_right_after_the_end_of_a_follow_stays_private(
    world: World,
    gateway: Gateway,
    people: list[Person],
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    alice, bob, carol, _ = people
    made = await lists.create(world.context, account_id=bob.account_id, change=lists.ListChange(title="x"))
    members = {"account_id": bob.account_id, "list_id": made.id, "member_ids": [alice.account_id]}
    await lists.add(world.context, **members)
    stream = {"stream": "list", "list": str(made.id)}
    async with gateway.reader(bob, "user", stream) as former, gateway.reader(carol, "user") as follower:
        await post(world.context, alice, "before", visibility="private")
        assert {(await former.next())["stream"][0] for _ in range(2)} == {"user", "list"}
        await lose_relations(world, monkeypatch)
        both = {"account_id": alice.account_id}
        if change == "unfollow":
            await follows.unfollow(world.context, account_id=bob.account_id, target_id=alice.account_id)
        elif change == "removed":
            await follows.remove_follower(world.context, **both, follower_id=bob.account_id)
        else:
            await relations.block(world.context, **both, target_id=bob.account_id)
        await post(world.context, alice, "after", visibility="private")
        assert await follower.contents(2) == ["before", "after"]
        assert await former.silent()


async def test_blocked_people_do_not_meet_in_any_stream(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    alice, bob, carol, dave = people
    await relations.block(world.context, account_id=dave.account_id, target_id=alice.account_id)
    await relations.block(world.context, account_id=alice.account_id, target_id=carol.account_id)
    tag = {"stream": "hashtag", "tag": "news"}
    async with (
        gateway.reader(dave, "user", "public", tag) as blocker,
        gateway.reader(carol, "user", "public", tag) as blocked,
        gateway.reader(bob, "public") as witness,
    ):
        await asyncio.sleep(0.3)  # the shards know of the blocks
        first = await post(world.context, alice, "hello #news")
        await post(world.context, bob, "I agree with @alice #news", in_reply_to_id=first)
        await witness.next()
        assert await blocker.silent()
        heard = await blocked.next()  # bob only mentions somebody who blocks carol
        assert "I agree" in heard["payload"]["content"]
        assert await blocked.silent(0.1)


async def test_a_muted_person_falls_silent_in_an_open_stream(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    alice, bob, carol, _ = people
    await follow(world.context, carol, bob)
    async with gateway.reader(bob, "user", "public") as reader:
        await post(world.context, alice, "before")
        assert [text_of((await reader.next())["payload"]) for _ in range(2)] == ["before"] * 2
        await relations.mute(
            world.context,
            account_id=bob.account_id,
            target_id=alice.account_id,
            hide_notifications=True,
            duration_s=0,
        )
        await asyncio.sleep(0.05)
        status_id = await post(world.context, bob, "mine")
        assert [text_of((await reader.next())["payload"]) for _ in range(2)] == ["mine"] * 2
        await post(world.context, alice, "after")
        await reactions.favourite(world.context, account_id=alice.account_id, status_id=status_id)
        assert await reader.silent()


async def test_somebody_who_follows_in_an_open_stream_sees_posts_from_then_on(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    alice, _, _, dave = people
    async with gateway.reader(dave, "user") as reader:
        await post(world.context, alice, "before", visibility="private")
        await follow(world.context, dave, alice)
        await post(world.context, alice, "after", visibility="private")
        assert await reader.contents(1) == ["after"]
        await follows.unfollow(world.context, account_id=dave.account_id, target_id=alice.account_id)
        await post(world.context, alice, "gone", visibility="public")
        assert await reader.silent()
