"""Threads of any size are bounded, and many posts written in one call are what single ones would be."""

import httpx
import pytest

from api.actions import statuses
from api.actions.statuses import Draft
from cluster.errors import InvalidInput, NotFound
from tests.api.world import World


async def test_strangers_see_the_near_part_of_a_long_thread(client: httpx.AsyncClient, world: World) -> None:
    (alice,) = await world.people("alice")
    chain = [await statuses.post(world.context, Draft(alice.account_id, "root"))]
    for number in range(45):
        draft = Draft(alice.account_id, f"step {number}", in_reply_to_id=chain[-1])
        chain.append(await statuses.post(world.context, draft))
    drafts = [Draft(alice.account_id, f"{n}", in_reply_to_id=chain[-1]) for n in range(70)]
    answers = await statuses.post_many(world.context, drafts)
    path = f"/api/v1/statuses/{chain[-1]}/context"
    for headers, above, below in (({}, 40, 60), (alice.headers, 45, 70)):
        context = (await client.get(path, headers=headers)).json()
        ids = [int(status["id"]) for status in context["ancestors"]]
        assert ids == chain[:-1][-above:]
        ids = [int(status["id"]) for status in context["descendants"]]
        assert ids == answers[:below]
    deep = (await client.get(f"/api/v1/statuses/{chain[0]}/context")).json()["descendants"]
    assert [int(status["id"]) for status in deep] == chain[1:21]


async def test_a_muted_or_blocked_persons_answers_are_left_out(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    root = await statuses.post(world.context, Draft(alice.account_id, "root"))
    shown, hidden = await statuses.post_many(
        world.context,
        [Draft(person.account_id, "answer", in_reply_to_id=root) for person in (bob, carol)],
    )
    path = f"/api/v1/statuses/{root}/context"
    for verb in ("mute", "block"):
        await client.post(f"/api/v1/accounts/{carol.id}/{verb}", headers=alice.headers)
        context = (await client.get(path, headers=alice.headers)).json()
        assert [status["id"] for status in context["descendants"]] == [str(shown)]
        await client.post(f"/api/v1/accounts/{carol.id}/un{verb}", headers=alice.headers)
    context = (await client.get(path, headers=alice.headers)).json()
    assert [status["id"] for status in context["descendants"]] == [str(shown), str(hidden)]


async def test_many_posts_in_one_call_are_in_order_and_in_the_followers_homes(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    await client.post(f"/api/v1/accounts/{alice.id}/follow", headers=bob.headers)
    drafts = [Draft(alice.account_id, f"number {n} @bob #many", sensitive=n == 1) for n in range(700)]
    ids = await statuses.post_many(world.context, drafts)
    assert ids == sorted(set(ids))
    home = (await client.get("/api/v1/timelines/home", headers=bob.headers)).json()
    assert [int(status["id"]) for status in home] == ids[:-21:-1]
    assert home[0]["mentions"][0]["username"] == "bob"
    assert (await client.get(f"/api/v1/statuses/{ids[1]}")).json()["sensitive"] is True
    account = (await client.get(f"/api/v1/accounts/{alice.id}")).json()
    assert account["statuses_count"] == 700


@pytest.mark.parametrize(
    ("bad", "error"), [({"text": ""}, InvalidInput), ({"text": "x", "in_reply_to_id": 77}, NotFound)]
)
async def test_nothing_is_written_when_one_of_many_is_not_acceptable(
    world: World, bad: dict[str, object], error: type[Exception]
) -> None:
    (alice,) = await world.people("alice")
    drafts = [Draft(alice.account_id, "fine"), Draft(alice.account_id, **bad)]  # type: ignore[arg-type]
    with pytest.raises(error):
        await statuses.post_many(world.context, drafts)
    async with world.context.pool.connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM statuses") == 0
