"""Direct conversations over HTTP: who takes part, what is unread, dismissing."""

from typing import Any

import httpx

from tests.api.test_notifications import post
from tests.api.world import Person, World


async def listed(client: httpx.AsyncClient, who: Person, query: str = "") -> list[dict[str, Any]]:
    response = await client.get(f"/api/v1/conversations/{query}", headers=who.headers)
    assert response.status_code == 200, response.text
    return list(response.json())


async def test_a_conversation_shows_both_sides_and_its_newest_status(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    first = await post(client, alice, "@bob psst", visibility="direct")
    await post(client, alice, "not for the list @bob")
    (at_bob,) = await listed(client, bob)
    (at_alice,) = await listed(client, alice)
    assert (at_bob["unread"], at_alice["unread"]) == (True, False)
    assert [one["username"] for one in at_bob["accounts"]] == ["alice"]
    assert [one["username"] for one in at_alice["accounts"]] == ["bob"]
    assert at_bob["last_status"]["id"] == first["id"]
    assert await listed(client, carol) == []

    reply = await post(client, bob, "@alice what?", visibility="direct", in_reply_to_id=first["id"])
    (at_alice,) = await listed(client, alice)
    assert (at_alice["unread"], at_alice["last_status"]["id"]) == (True, reply["id"])
    assert (await listed(client, bob))[0]["unread"] is False


async def test_reading_and_dismissing_last_until_somebody_writes_again(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    first = await post(client, alice, "@bob psst", visibility="direct")
    (one,) = await listed(client, bob)
    path = f"/api/v1/conversations/{one['id']}"
    assert (await client.post(f"{path}/read", headers=carol.headers)).status_code == 404
    assert (await client.delete(path, headers=carol.headers)).status_code == 404
    read = (await client.post(f"{path}/read", headers=bob.headers)).json()
    assert (read["id"], read["unread"]) == (one["id"], False)
    assert (await listed(client, bob))[0]["unread"] is False
    assert (await client.delete(path, headers=bob.headers)).json() == {}
    assert await listed(client, bob) == []
    assert len(await listed(client, alice)) == 1
    await post(client, alice, "@bob still there?", visibility="direct", in_reply_to_id=first["id"])
    assert (await listed(client, bob))[0]["unread"] is True


async def test_conversations_come_in_pages(client: httpx.AsyncClient, world: World) -> None:
    alice, *others = await world.people("alice", *(f"friend{number}" for number in range(5)))
    for friend in others:
        await post(client, friend, "@alice hi", visibility="direct")
    first = await client.get("/api/v1/conversations?limit=3", headers=alice.headers)
    second = await client.get(first.links["next"]["url"], headers=alice.headers)
    names = [one["accounts"][0]["username"] for one in [*first.json(), *second.json()]]
    assert names == ["friend4", "friend3", "friend2", "friend1", "friend0"]
    back = await client.get(second.links["prev"]["url"], headers=alice.headers)
    assert [one["id"] for one in back.json()] == [one["id"] for one in first.json()]


async def test_wrong_ids_are_not_found(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for identifier in ("1", "x"):
        path = f"/api/v1/conversations/{identifier}"
        assert (await client.delete(path, headers=alice.headers)).status_code == 404
        assert (await client.post(f"{path}/read", headers=alice.headers)).status_code == 404
