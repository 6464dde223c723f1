"""Lists, their members and read markers over HTTP."""

from typing import Any

import httpx

from tests.api.test_relations import act
from tests.api.world import Person, World


async def make(client: httpx.AsyncClient, who: Person, **data: Any) -> dict[str, Any]:
    response = await client.post("/api/v1/lists", headers=who.headers, json={"title": "Friends", **data})
    assert response.status_code == 200, response.text
    return dict(response.json())


async def members(client: httpx.AsyncClient, who: Person, list_id: str, query: str = "") -> list[str]:
    response = await client.get(f"/api/v1/lists/{list_id}/accounts{query}", headers=who.headers)
    return [one["username"] for one in response.json()]


async def add(client: httpx.AsyncClient, who: Person, list_id: str, *whom: Person) -> httpx.Response:
    return await client.post(
        f"/api/v1/lists/{list_id}/accounts",
        headers=who.headers,
        json={"account_ids": [one.id for one in whom]},
    )


async def test_a_list_is_made_changed_and_removed(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    made = await make(client, alice)
    assert made | {"title": "Friends", "replies_policy": "list", "exclusive": False} == made
    path = f"/api/v1/lists/{made['id']}"
    form = {"title": "Family", "replies_policy": "none", "exclusive": "1"}
    changed = (await client.put(path, headers=alice.headers, data=form)).json()
    assert changed == {"id": made["id"], "title": "Family", "replies_policy": "none", "exclusive": True}
    assert (await client.get(path, headers=alice.headers)).json() == changed
    assert (await client.get("/api/v1/lists", headers=alice.headers)).json() == [changed]
    assert (await client.delete(path, headers=alice.headers)).json() == {}
    assert (await client.get("/api/v1/lists", headers=alice.headers)).json() == []


async def test_only_followed_people_join_a_list_and_only_once(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await act(client, alice, "follow", bob)
    made = await make(client, alice)
    assert (await add(client, alice, made["id"], bob)).json() == {}
    assert await members(client, alice, made["id"]) == ["bob"]
    assert (await add(client, alice, made["id"], bob)).status_code == 422
    assert (await add(client, alice, made["id"], carol)).status_code == 404
    containing = await client.get(f"/api/v1/accounts/{bob.id}/lists", headers=alice.headers)
    assert [one["id"] for one in containing.json()] == [made["id"]]
    removed = await client.request(
        "DELETE",
        f"/api/v1/lists/{made['id']}/accounts",
        headers=alice.headers,
        data={"account_ids[]": bob.id},
    )
    assert removed.json() == {}
    assert await members(client, alice, made["id"]) == []


async def test_who_is_unfollowed_leaves_the_lists(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    await act(client, alice, "follow", bob)
    made = await make(client, alice)
    await add(client, alice, made["id"], bob)
    await act(client, alice, "unfollow", bob)
    assert await members(client, alice, made["id"]) == []


async def test_members_come_in_pages_or_all_at_once(client: httpx.AsyncClient, world: World) -> None:
    alice, *others = await world.people("alice", *(f"friend{number}" for number in range(5)))
    for one in others:
        await act(client, alice, "follow", one)
    made = await make(client, alice)
    await add(client, alice, made["id"], *others)
    first = await client.get(f"/api/v1/lists/{made['id']}/accounts?limit=3", headers=alice.headers)
    rest = await client.get(first.links["next"]["url"], headers=alice.headers)
    assert (len(first.json()), len(rest.json())) == (3, 2)
    assert len(await members(client, alice, made["id"], "?limit=0")) == 5


async def test_lists_of_others_do_not_exist(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    await act(client, bob, "follow", alice)
    made = await make(client, alice)
    path = f"/api/v1/lists/{made['id']}"
    assert (await client.get(path, headers=bob.headers)).status_code == 404
    assert (await client.put(path, headers=bob.headers, json={"title": "Mine"})).status_code == 404
    assert (await client.delete(path, headers=bob.headers)).status_code == 404
    assert (await client.get(f"{path}/accounts", headers=bob.headers)).status_code == 404
    assert (await add(client, bob, made["id"], alice)).status_code == 404


WRONG_LISTS: list[dict[str, Any]] = [
    {},
    {"title": "  "},
    {"title": "x" * 257},
    {"title": "a", "replies_policy": "some"},
    {"title": "a", "exclusive": "x"},
]


async def test_a_wrong_list_is_refused(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for body in WRONG_LISTS:
        response = await client.post("/api/v1/lists", headers=alice.headers, json=body)
        assert response.status_code == 422, body
        assert response.json()["error"].startswith("Validation failed: ")


async def test_nobody_has_more_than_fifty_lists(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for _ in range(50):
        await make(client, alice)
    response = await client.post("/api/v1/lists", headers=alice.headers, json={"title": "One more"})
    assert response.status_code == 422


async def test_markers_remember_how_far_somebody_read(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    path = "/api/v1/markers"
    query = [("timeline[]", "home"), ("timeline[]", "notifications"), ("timeline[]", "elsewhere")]
    assert (await client.get(path, params=query, headers=alice.headers)).json() == {}
    saved = await client.post(path, headers=alice.headers, data={"home[last_read_id]": "103194548672408537"})
    assert saved.json()["home"]["last_read_id"] == "103194548672408537"
    again = await client.post(
        path, headers=alice.headers, json={"home": {"last_read_id": "103194548672408538"}}
    )
    assert again.json()["home"]["version"] == saved.json()["home"]["version"] + 1
    await client.post(path, headers=alice.headers, json={"notifications": {"last_read_id": 5}})
    found = (await client.get(path, params=query, headers=alice.headers)).json()
    assert {name: one["last_read_id"] for name, one in found.items()} == {
        "home": "103194548672408538",
        "notifications": "5",
    }
    assert found["home"]["updated_at"].endswith("Z")


async def test_wrong_markers_are_refused(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for body in ({"home": {"last_read_id": "x"}}, {"home": "5"}, {"home": [1]}):
        response = await client.post("/api/v1/markers", headers=alice.headers, json=body)
        assert response.status_code == 422, body
