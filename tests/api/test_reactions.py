"""Favourites, reblogs, bookmarks, pins and muted threads over HTTP: flags, counts, lists, and who may."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.api.world import Person, World


async def post(client: httpx.AsyncClient, who: Person, text: str = "hello", **more: Any) -> dict[str, Any]:
    response = await client.post("/api/v1/statuses", headers=who.headers, json={"status": text, **more})
    assert response.status_code == 200, response.text
    return dict(response.json())


async def act(
    client: httpx.AsyncClient, who: Person, verb: str, status: dict[str, Any], **data: Any
) -> dict[str, Any]:
    response = await client.post(f"/api/v1/statuses/{status['id']}/{verb}", headers=who.headers, data=data)
    assert response.status_code == 200, response.text
    return dict(response.json())


async def show(client: httpx.AsyncClient, status: dict[str, Any], who: Person) -> dict[str, Any]:
    return dict((await client.get(f"/api/v1/statuses/{status['id']}", headers=who.headers)).json())


async def entries(client: httpx.AsyncClient, path: str, who: Person) -> list[str]:
    response = await client.get(path, headers=who.headers)
    assert response.status_code == 200, response.text
    return [entry["id"] for entry in response.json()]


@pytest.mark.parametrize(
    ("verb", "flag", "count"),
    [("favourite", "favourited", "favourites_count"), ("bookmark", "bookmarked", None)],
)
async def test_a_reaction_shows_at_once_counts_once_and_can_be_taken_back(
    client: httpx.AsyncClient, world: World, verb: str, flag: str, count: str | None
) -> None:
    alice, bob = await world.people("alice", "bob")
    status = await post(client, alice)
    for _ in range(2):
        assert (await act(client, bob, verb, status))[flag] is True
    assert (await show(client, status, alice))[flag] is False
    if count:
        assert (await show(client, status, alice))[count] == 1
    for _ in range(2):
        assert (await act(client, bob, f"un{verb}", status))[flag] is False
    if count:
        assert (await show(client, status, alice))[count] == 0


async def test_counts_are_right_when_everybody_acts_at_once(client: httpx.AsyncClient, world: World) -> None:
    alice, *others = await world.people("alice", *(f"fan{n}" for n in range(8)))
    status = await post(client, alice)
    twice = [person for person in others for _ in range(2)]
    await asyncio.gather(*(act(client, person, "favourite", status) for person in twice))
    await asyncio.gather(*(act(client, person, "reblog", status) for person in twice))
    await asyncio.gather(
        *(post(client, person, "yes", in_reply_to_id=status["id"]) for person in others),
        *(act(client, person, "unfavourite", status) for person in others[:3]),
        *(act(client, person, "unreblog", status) for person in others[:2]),
    )
    shown = await show(client, status, alice)
    assert (shown["favourites_count"], shown["reblogs_count"], shown["replies_count"]) == (5, 6, 8)
    counts = [
        (await client.get(f"/api/v1/accounts/{person.id}")).json()["statuses_count"] for person in others
    ]
    assert counts == [1, 1] + [2] * 6
    path = f"/api/v1/statuses/{status['id']}/favourited_by"
    assert set(await entries(client, path, alice)) == {person.id for person in others[3:]}


async def test_a_reblog_wraps_the_original_and_unreblog_answers_it(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await client.post(f"/api/v1/accounts/{bob.id}/follow", headers=carol.headers)
    status = await post(client, alice)
    reblog = await act(client, bob, "reblog", status, visibility="unlisted")
    assert (reblog["reblog"]["id"], reblog["visibility"]) == (status["id"], "unlisted")
    assert (reblog["account"]["id"], reblog["reblogged"], reblog["reblog"]["reblogged"]) == (
        bob.id,
        True,
        True,
    )
    assert (await act(client, bob, "reblog", status))["id"] == reblog["id"]
    assert (await act(client, bob, "reblog", reblog))["id"] == reblog["id"]
    assert await entries(client, "/api/v1/timelines/home", carol) == [reblog["id"]]
    assert (await act(client, carol, "favourite", reblog))["id"] == status["id"]
    original = await act(client, bob, "unreblog", status)
    assert (original["id"], original["reblogged"], original["reblogs_count"]) == (status["id"], False, 0)
    assert await entries(client, "/api/v1/timelines/home", carol) == []
    notified = (await client.get("/api/v1/notifications", headers=alice.headers)).json()
    assert [(one["type"], one["status"]["id"]) for one in notified] == [("favourite", status["id"])]


async def test_only_the_author_reblogs_a_private_status_and_nobody_a_direct_one(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    await client.post(f"/api/v1/accounts/{alice.id}/follow", headers=bob.headers)
    private = await post(client, alice, visibility="private")
    direct = await post(client, alice, "@bob", visibility="direct")
    for person, status in ((bob, private), (bob, direct), (alice, direct)):
        path = f"/api/v1/statuses/{status['id']}/reblog"
        assert (await client.post(path, headers=person.headers)).status_code == 403
    own = await act(client, alice, "reblog", private, visibility="public")
    assert own["visibility"] == "private"
    path = f"/api/v1/statuses/{(await post(client, alice))['id']}/reblog"
    for wrong in ("direct", "everywhere"):
        response = await client.post(path, headers=bob.headers, json={"visibility": wrong})
        assert response.status_code == 422


async def test_whoever_blocks_the_author_does_not_react(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    status = await post(client, alice)
    await client.post(f"/api/v1/accounts/{alice.id}/block", headers=bob.headers)
    for verb in ("favourite", "reblog"):
        response = await client.post(f"/api/v1/statuses/{status['id']}/{verb}", headers=bob.headers)
        assert response.status_code == 403


async def test_own_lists_page_by_the_reaction_not_by_the_status(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    statuses = [await post(client, alice, f"number {n}") for n in range(5)]
    order = [statuses[n] for n in (3, 0, 4, 1, 2)]
    for verb, path in (("favourite", "/api/v1/favourites"), ("bookmark", "/api/v1/bookmarks")):
        for status in order:
            await act(client, bob, verb, status)
        wanted = [status["id"] for status in reversed(order)]
        found: list[str] = []
        url: str | None = f"{path}?limit=2"
        while url:
            response = await client.get(url, headers=bob.headers)
            found += [status["id"] for status in response.json()]
            url = response.links.get("next", {}).get("url")
        assert found == wanted
        response = await client.get(f"{path}?limit=2", headers=bob.headers)
        newer = await client.get(response.links["prev"]["url"], headers=bob.headers)
        assert newer.json() == []
        assert await entries(client, path, alice) == []


async def test_a_favourite_of_what_one_may_no_longer_see_is_not_listed(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    await client.post(f"/api/v1/accounts/{alice.id}/follow", headers=bob.headers)
    status = await post(client, alice, visibility="private")
    await act(client, bob, "favourite", status)
    assert await entries(client, "/api/v1/favourites", bob) == [status["id"]]
    await client.post(f"/api/v1/accounts/{alice.id}/unfollow", headers=bob.headers)
    assert await entries(client, "/api/v1/favourites", bob) == []


async def test_five_of_ones_own_visible_statuses_can_be_pinned(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    statuses = [await post(client, alice, f"number {n}") for n in range(7)]
    answers = await asyncio.gather(
        *(client.post(f"/api/v1/statuses/{status['id']}/pin", headers=alice.headers) for status in statuses)
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [422] * 2
    pinned = next(answer for answer in answers if answer.is_success).json()
    assert pinned["pinned"] is True
    assert "pinned the maximum" in next(answer for answer in answers if answer.is_error).json()["error"]
    assert (await act(client, alice, "pin", pinned))["pinned"] is True  # again is no sixth
    assert (await act(client, alice, "unpin", pinned))["pinned"] is False
    reblog = await act(client, alice, "reblog", await post(client, bob))
    direct = await post(client, alice, "@bob", visibility="direct")
    for person, status in ((bob, statuses[0]), (alice, reblog), (alice, direct)):
        path = f"/api/v1/statuses/{status['id']}/pin"
        assert (await client.post(path, headers=person.headers)).status_code == 422


async def test_a_muted_thread_notifies_no_more(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    root = await post(client, alice)
    assert (await act(client, alice, "mute", root))["muted"] is True
    await post(client, bob, "@alice one", in_reply_to_id=root["id"])
    assert await entries(client, "/api/v1/notifications", alice) == []
    assert (await act(client, alice, "unmute", root))["muted"] is False
    await post(client, bob, "@alice two", in_reply_to_id=root["id"])
    assert len(await entries(client, "/api/v1/notifications", alice)) == 1


async def test_followers_who_ask_for_it_are_notified_of_every_post(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    for person, notify in ((bob, True), (carol, False)):
        path = f"/api/v1/accounts/{alice.id}/follow"
        await client.post(path, headers=person.headers, json={"notify": notify})
    status = await post(client, alice)
    await post(client, alice, "an answer", in_reply_to_id=(await post(client, carol))["id"])
    await post(client, alice, "nobody", visibility="direct")
    found = (await client.get("/api/v1/notifications", headers=bob.headers)).json()
    assert [(one["type"], one["status"]["id"]) for one in found] == [("status", status["id"])]
    assert await entries(client, "/api/v1/notifications", carol) == []
