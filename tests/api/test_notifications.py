"""Notifications over HTTP: what arrives, filters, pages, dismissing, and what may no longer be seen."""

import asyncio
from typing import Any

import httpx

from tests.api.test_relations import act
from tests.api.world import Person, World


async def post(client: httpx.AsyncClient, who: Person, text: str, **data: Any) -> dict[str, Any]:
    response = await client.post("/api/v1/statuses", headers=who.headers, json={"status": text, **data})
    assert response.status_code == 200, response.text
    return dict(response.json())


async def heard(client: httpx.AsyncClient, who: Person, query: str = "") -> list[dict[str, Any]]:
    response = await client.get(f"/api/v1/notifications{query}", headers=who.headers)
    assert response.status_code == 200, response.text
    return list(response.json())


async def react(client: httpx.AsyncClient, who: Person, verb: str, status: dict[str, Any]) -> None:
    response = await client.post(f"/api/v1/statuses/{status['id']}/{verb}", headers=who.headers)
    assert response.status_code == 200, response.text


async def everything(client: httpx.AsyncClient, alice: Person, bob: Person) -> dict[str, Any]:
    """Bob does what alice hears of, in this order: follow, mention, favourite, reblog."""
    status = await post(client, alice, "hello")
    await act(client, bob, "follow", alice)
    await post(client, bob, "@alice hi")
    await react(client, bob, "favourite", status)
    await react(client, bob, "reblog", status)
    return status


async def test_what_others_do_arrives_newest_first_with_account_and_status(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    status = await everything(client, alice, bob)
    found = await heard(client, alice)
    assert [one["type"] for one in found] == ["reblog", "favourite", "mention", "follow"]
    assert {one["account"]["username"] for one in found} == {"bob"}
    assert found[1]["status"]["id"] == status["id"]
    assert "hi" in found[2]["status"]["content"]
    assert "status" not in found[3]
    assert all(one["created_at"].endswith("Z") and one["group_key"] for one in found)
    shown = await client.get(f"/api/v1/notifications/{found[2]['id']}", headers=alice.headers)
    assert shown.json() == found[2]
    assert await heard(client, bob) == []


FILTERS: list[tuple[str, list[str]]] = [
    ("?types[]=mention&types[]=follow", ["mention", "follow"]),
    ("?exclude_types[]=mention&exclude_types[]=follow", ["reblog", "favourite"]),
    ("?types[]=follow&exclude_types[]=follow", []),
    ("?types[]=no_such_type", []),
    ("?types=mention", ["mention"]),
    ("?account_id={bob}&limit=1", ["reblog"]),
    ("?account_id={alice}", []),
    ("?account_id=nobody", []),
]


async def test_notifications_are_filtered(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    await everything(client, alice, bob)
    for query, types in FILTERS:
        found = await heard(client, alice, query.format(bob=bob.id, alice=alice.id))
        assert [one["type"] for one in found] == types, query


async def test_pages_lead_through_all_notifications_and_back(client: httpx.AsyncClient, world: World) -> None:
    alice, *fans = await world.people("alice", *(f"fan{number}" for number in range(7)))
    for fan in fans:
        await act(client, fan, "follow", alice)
    url = "/api/v1/notifications?limit=3&types[]=follow"
    seen: list[str] = []
    while True:
        response = await client.get(url, headers=alice.headers)
        if not response.json():
            break
        seen += [one["account"]["username"] for one in response.json()]
        newest_link = response.links["prev"]["url"]
        url = response.links["next"]["url"] if "next" in response.links else ""
        if not url:
            break
        assert "types%5B%5D=follow" in url
    assert seen == [fan.username for fan in reversed(fans)]
    newer = (await client.get(newest_link, headers=alice.headers)).json()
    assert [one["account"]["username"] for one in newer] == ["fan3", "fan2", "fan1"]
    newest = (await heard(client, alice, "?limit=1"))[0]["id"]
    assert await heard(client, alice, f"?since_id={newest}") == []
    assert await heard(client, alice, f"?min_id={newest}") == []


async def test_a_reader_that_follows_min_id_misses_nothing_while_many_act_at_once(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, *fans = await world.people("alice", *(f"fan{number}" for number in range(20)))
    acting = asyncio.gather(*(act(client, fan, "follow", alice) for fan in fans))
    seen: list[str] = []
    while not acting.done() or len(seen) < len(fans):
        found = await heard(client, alice, f"?min_id={seen[-1]}" if seen else "?min_id=0")
        seen += [one["id"] for one in reversed(found)]
        assert len(seen) == len(set(seen))
        await asyncio.sleep(0)
    assert len(seen) == len(fans)


async def test_dismissing_and_clearing(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    await everything(client, alice, bob)
    first, second, *_ = [one["id"] for one in await heard(client, alice)]
    path = "/api/v1/notifications"
    for _ in range(2):
        foreign = await client.post(f"{path}/{first}/dismiss", headers=bob.headers)
        assert foreign.status_code == 404
    assert (await client.post(f"{path}/{first}/dismiss", headers=alice.headers)).json() == {}
    assert (await client.post(f"{path}/{first}/dismiss", headers=alice.headers)).status_code == 404
    assert (await client.post(f"{path}/dismiss", headers=alice.headers, data={"id": second})).json() == {}
    assert len(await heard(client, alice)) == 2
    assert (await client.post(f"{path}/clear", headers=alice.headers)).json() == {}
    assert await heard(client, alice) == []
    assert (await client.get(f"{path}/{second}", headers=alice.headers)).status_code == 404


async def test_unread_ones_are_counted_from_the_marker(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    await everything(client, alice, bob)

    async def unread(query: str = "") -> int:
        response = await client.get(f"/api/v1/notifications/unread_count{query}", headers=alice.headers)
        return int(response.json()["count"])

    assert await unread() == 4
    assert await unread("?types[]=mention") == 1
    assert await unread("?limit=2") == 2
    third = (await heard(client, alice))[2]["id"]
    await client.post(
        "/api/v1/markers", headers=alice.headers, json={"notifications": {"last_read_id": third}}
    )
    assert await unread() == 2


async def test_what_may_no_longer_be_seen_is_gone_from_notifications(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    deleted = await post(client, bob, "@alice one")
    await client.delete(f"/api/v1/statuses/{deleted['id']}", headers=bob.headers)
    assert await heard(client, alice) == []

    await act(client, alice, "follow", bob, notify=True)
    await post(client, bob, "for followers", visibility="private")
    assert [one["type"] for one in await heard(client, alice)] == ["status"]
    await act(client, alice, "unfollow", bob)
    assert await heard(client, alice) == []


async def test_pages_are_refilled_when_much_of_them_is_hidden(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await act(client, carol, "follow", alice)
    for number in range(6):
        await post(client, bob, f"@alice {number}")
    await act(client, alice, "mute", bob)
    found = await heard(client, alice, "?limit=2")
    assert [one["account"]["username"] for one in found] == ["carol"]


async def test_a_muted_person_with_notifications_kept_is_still_heard(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    await act(client, alice, "mute", bob, notifications=False)
    await post(client, bob, "@alice hi")
    assert [one["type"] for one in await heard(client, alice)] == ["mention"]


async def test_following_again_notifies_again_but_liking_again_does_not(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    status = await post(client, alice, "hello")
    for verb in ("favourite", "unfavourite", "favourite"):
        await react(client, bob, verb, status)
    for verb in ("follow", "unfollow", "follow"):
        await act(client, bob, verb, alice)
    assert [one["type"] for one in await heard(client, alice)] == ["follow", "favourite"]


async def test_wrong_cursors_are_refused(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for query in ("?max_id=x", "?limit=-", "?min_id=1.5"):
        response = await client.get(f"/api/v1/notifications{query}", headers=alice.headers)
        assert response.status_code == 422


async def test_notifications_are_private(client: httpx.AsyncClient, world: World) -> None:
    writer = await world.person("writer", scopes=("write",))
    assert (await client.get("/api/v1/notifications")).status_code == 401
    assert (await client.get("/api/v1/notifications", headers=writer.headers)).status_code == 403
