"""Locked accounts: asking, accepting, refusing, and what unlocking means."""

from typing import Any

import httpx

from tests.api.test_relations import act, counts, relationship, true_flags
from tests.api.world import Person, World


async def waiting(client: httpx.AsyncClient, who: Person) -> list[str]:
    found = (await client.get("/api/v1/follow_requests", headers=who.headers)).json()
    return [one["username"] for one in found]


async def answer(client: httpx.AsyncClient, who: Person, verb: str, whom: Person) -> httpx.Response:
    return await client.post(f"/api/v1/follow_requests/{whom.id}/{verb}", headers=who.headers)


async def notified(client: httpx.AsyncClient, who: Person) -> list[str]:
    found = (await client.get("/api/v1/notifications", headers=who.headers)).json()
    return [one["type"] for one in found]


async def own(client: httpx.AsyncClient, who: Person) -> dict[str, Any]:
    response = await client.get("/api/v1/accounts/verify_credentials", headers=who.headers)
    return dict(response.json())


async def test_a_request_waits_until_it_is_accepted(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.person("alice", locked=True), await world.person("bob")
    for _ in range(2):
        asked = await act(client, bob, "follow", alice, reblogs=False)
        assert true_flags(asked) == {"requested"}
    assert true_flags(await relationship(client, alice, bob)) == {"requested_by"}
    assert await waiting(client, alice) == ["bob"]
    assert await notified(client, alice) == ["follow_request"]
    assert (await own(client, alice))["source"]["follow_requests_count"] == 1
    assert await counts(client, alice) == (0, 0)

    accepted = await answer(client, alice, "authorize", bob)
    assert true_flags(accepted.json()) == {"followed_by"}
    follows = await relationship(client, bob, alice)
    assert true_flags(follows) == {"following"}  # what was asked for (no reblogs) is kept
    assert await waiting(client, alice) == []
    assert await notified(client, alice) == ["follow"]
    assert await counts(client, alice) == (1, 0)
    assert await counts(client, bob) == (0, 1)
    assert (await answer(client, alice, "authorize", bob)).status_code == 404


async def test_a_refused_request_is_gone_and_can_be_made_again(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.person("alice", locked=True), await world.person("bob")
    await act(client, bob, "follow", alice)
    assert true_flags((await answer(client, alice, "reject", bob)).json()) == set()
    assert await notified(client, alice) == []
    assert (await answer(client, alice, "reject", bob)).status_code == 404
    assert true_flags(await act(client, bob, "follow", alice)) == {"requested", "showing_reblogs"}
    assert await notified(client, alice) == ["follow_request"]


async def test_a_withdrawn_request_cannot_be_accepted(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.person("alice", locked=True), await world.person("bob")
    await act(client, bob, "follow", alice)
    assert true_flags(await act(client, bob, "unfollow", alice)) == set()
    assert (await answer(client, alice, "authorize", bob)).status_code == 404
    assert await counts(client, alice) == (0, 0)


async def test_a_block_removes_the_request(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.person("alice", locked=True), await world.person("bob")
    await act(client, bob, "follow", alice)
    await act(client, alice, "block", bob)
    assert await waiting(client, alice) == []
    assert (await answer(client, alice, "authorize", bob)).status_code == 404


async def test_unlocking_accepts_everybody_who_waits(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice", locked=True)
    fans = await world.people("bob", "carol", "dan")
    for fan in fans:
        await act(client, fan, "follow", alice)
    response = await client.patch(
        "/api/v1/accounts/update_credentials", headers=alice.headers, json={"locked": False}
    )
    assert response.json()["locked"] is False
    assert await waiting(client, alice) == []
    assert await counts(client, alice) == (3, 0)
    assert await notified(client, alice) == ["follow"] * 3
    for fan in fans:
        assert (await relationship(client, fan, alice))["following"] is True


async def test_answering_nobody_is_not_found(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for verb in ("authorize", "reject"):
        for who in ("1", "nobody"):
            response = await client.post(f"/api/v1/follow_requests/{who}/{verb}", headers=alice.headers)
            assert response.status_code == 404
