"""Timelines over HTTP: tokens, parameters, `Link` both ways, privacy, and what writers see at once."""

import asyncio
import re
from typing import Any

import httpx
import pytest

from tests.api.world import Person, World

LINK = re.compile(r'<([^>]+)>; rel="(\w+)"')


async def post(client: httpx.AsyncClient, who: Person, text: str = "hello", **data: Any) -> dict[str, Any]:
    response = await client.post("/api/v1/statuses", headers=who.headers, json={"status": text, **data})
    assert response.status_code == 200, response.text
    status: dict[str, Any] = response.json()
    return status


async def act(client: httpx.AsyncClient, who: Person, path: str) -> dict[str, Any]:
    response = await client.post(f"/api/v1/{path}", headers=who.headers)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def get(
    client: httpx.AsyncClient, path: str, who: Person | None = None, **params: Any
) -> httpx.Response:
    response = await client.get(f"/api/v1/{path}", headers=who.headers if who else {}, params=params)
    assert response.status_code == 200, response.text
    return response


async def ids(client: httpx.AsyncClient, path: str, who: Person | None = None, **params: Any) -> list[str]:
    return [status["id"] for status in (await get(client, path, who, **params)).json()]


async def eventually(client: httpx.AsyncClient, path: str, who: Person, expected: list[str]) -> None:
    """Other people's feeds follow within a moment."""
    for _ in range(100):
        if await ids(client, path, who) == expected:
            return
        await asyncio.sleep(0.02)
    assert await ids(client, path, who) == expected


def links(response: httpx.Response) -> dict[str, str]:
    return {relation: url for url, relation in LINK.findall(response.headers.get("Link", ""))}


async def test_home_needs_a_person_with_the_scope(client: httpx.AsyncClient, world: World) -> None:
    assert (await client.get("/api/v1/timelines/home")).status_code == 401
    bad = await client.get("/api/v1/timelines/home", headers={"Authorization": "Bearer nonsense"})
    assert bad.status_code == 401
    writer = await world.person("writer", scopes=["write"])
    assert (await client.get("/api/v1/timelines/home", headers=writer.headers)).status_code == 403
    narrow = await world.person("narrow", scopes=["read:statuses"])
    assert await ids(client, "timelines/home", narrow) == []


async def test_posts_reach_followers_and_the_author_at_once(client: httpx.AsyncClient, world: World) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await act(client, bob, f"accounts/{alice.id}/follow")
    first = await post(client, alice)
    assert await ids(client, "timelines/home", alice) == [first["id"]]
    second = await post(client, alice)
    assert await ids(client, "timelines/home", alice) == [second["id"], first["id"]]
    await eventually(client, "timelines/home", bob, [second["id"], first["id"]])
    assert await ids(client, "timelines/home", carol) == []


async def test_an_unfollow_shows_at_once(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    status = await post(client, alice)
    for _ in range(5):
        await act(client, bob, f"accounts/{alice.id}/follow")
        assert await ids(client, "timelines/home", bob) == [status["id"]]
        await act(client, bob, f"accounts/{alice.id}/unfollow")
        assert await ids(client, "timelines/home", bob) == []


async def test_pages_lead_on_in_both_directions(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    await act(client, bob, f"accounts/{alice.id}/follow")
    posted = [(await post(client, alice, f"number {number}"))["id"] for number in range(7)][::-1]
    await eventually(client, "timelines/home", bob, posted)

    for path, who in (
        ("timelines/home", bob),
        ("timelines/public", None),
        (f"accounts/{alice.id}/statuses", bob),
    ):
        seen: list[str] = []
        response = await get(client, path, who, limit=3)
        while response.json():
            seen += [status["id"] for status in response.json()]
            oldest = response
            if "next" not in links(response):
                break
            response = await client.get(links(response)["next"], headers=who.headers if who else {})
        assert seen == posted
        seen = []
        response = await client.get(links(oldest)["prev"], headers=who.headers if who else {})
        while response.json():
            seen = [status["id"] for status in response.json()] + seen
            response = await client.get(links(response)["prev"], headers=who.headers if who else {})
        assert seen == posted[:-1]
        assert not links(response), "an empty page leads nowhere"


async def test_links_start_with_next_and_keep_the_other_parameters(
    client: httpx.AsyncClient, world: World
) -> None:
    alice = await world.person("alice")
    for _ in range(3):
        await post(client, alice)
    header = (await get(client, "timelines/public", None, limit=2, local="true")).headers["Link"]
    assert re.fullmatch(
        r'<http://[^>]+limit=2&local=true&max_id=\d+>; rel="next", <http://[^>]+&min_id=\d+>; rel="prev"',
        header,
    )


@pytest.mark.parametrize(
    "query", ["max_id=abc", "min_id=-1", "since_id=1.5", "limit=ten", "max_id=99999999999999999999999"]
)
async def test_cursors_that_are_none_are_refused(client: httpx.AsyncClient, world: World, query: str) -> None:
    alice = await world.person("alice")
    for path in ("home", "public", "tag/cats"):
        response = await client.get(f"/api/v1/timelines/{path}?{query}", headers=alice.headers)
        assert response.status_code == 422, (path, response.text)
        assert response.json()["error"]


async def test_limits_are_moved_inside_their_bounds(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for _ in range(3):
        await post(client, alice)
    assert len(await ids(client, "timelines/public", limit=0)) == 1
    assert len(await ids(client, "timelines/public", limit=100_000)) == 3
    assert await ids(client, "timelines/public", max_id="0") == []


async def test_private_and_direct_posts_stay_where_they_belong(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, follower, stranger, named = await world.people("alice", "follower", "stranger", "named")
    await act(client, follower, f"accounts/{alice.id}/follow")
    private = await post(client, alice, "secret #tag", visibility="private")
    direct = await post(client, alice, "@named psst #tag", visibility="direct")
    await eventually(client, "timelines/home", follower, [private["id"]])
    for path in ("timelines/home", "timelines/public", "timelines/tag/tag", f"accounts/{alice.id}/statuses"):
        hidden = {private["id"], direct["id"]}
        assert not hidden & set(await ids(client, path, stranger))
        assert direct["id"] not in await ids(client, path, follower)
        if path != "timelines/home":
            assert not hidden & set(await ids(client, path))
    assert await ids(client, f"accounts/{alice.id}/statuses", named) == [direct["id"]]
    for status, readers in ((private, (follower, alice)), (direct, (named, alice))):
        for who in (alice, follower, stranger, named):
            response = await client.get(f"/api/v1/statuses/{status['id']}", headers=who.headers)
            assert response.status_code == (200 if who in readers else 404)
    await act(client, follower, f"accounts/{alice.id}/unfollow")
    assert await ids(client, "timelines/home", follower) == []


async def test_public_timelines_are_open_and_choose(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    tagged = await post(client, alice, "I like #Cats")
    both = await post(client, alice, "I like #cats and #dogs")
    await post(client, alice, "quiet", visibility="unlisted")
    assert await ids(client, "timelines/public") == [both["id"], tagged["id"]]
    assert await ids(client, "timelines/public", local="true") == [both["id"], tagged["id"]]
    assert await ids(client, "timelines/public", remote="true") == []
    assert await ids(client, "timelines/public", only_media="true") == []
    assert await ids(client, "timelines/tag/CATS", bob) == [both["id"], tagged["id"]]
    assert await ids(client, "timelines/tag/cats", **{"all[]": "dogs"}) == [both["id"]]
    assert await ids(client, "timelines/tag/cats", **{"none[]": "dogs"}) == [tagged["id"]]
    status = (await get(client, "timelines/public")).json()[0]
    assert "favourited" not in status
    status = (await get(client, "timelines/public", bob)).json()[0]
    assert status["favourited"] is False


async def test_blocks_and_mutes_hide_at_once(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    await act(client, bob, f"accounts/{alice.id}/follow")
    status = await post(client, alice)
    await eventually(client, "timelines/home", bob, [status["id"]])
    await act(client, bob, f"accounts/{alice.id}/mute")
    assert await ids(client, "timelines/home", bob) == []
    assert await ids(client, "timelines/public", bob) == []
    await act(client, bob, f"accounts/{alice.id}/unmute")
    assert await ids(client, "timelines/home", bob) == [status["id"]]
    await act(client, alice, f"accounts/{bob.id}/block")
    assert await ids(client, "timelines/public", bob) == []
    assert await ids(client, f"accounts/{alice.id}/statuses", bob) == []


async def test_own_reactions_show_at_once_and_counts_are_right(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    status = await post(client, alice)
    assert (await get(client, "timelines/public", bob)).json()[0]["favourited"] is False
    await act(client, bob, f"statuses/{status['id']}/favourite")
    shown = (await get(client, "timelines/public", bob)).json()[0]
    assert (shown["favourited"], shown["favourites_count"]) == (True, 1)
    shown = (await get(client, "timelines/public", alice)).json()[0]
    assert (shown["favourited"], shown["favourites_count"]) == (False, 1)
    await act(client, bob, f"statuses/{status['id']}/unfavourite")
    shown = (await get(client, "timelines/public", bob)).json()[0]
    assert (shown["favourited"], shown["favourites_count"]) == (False, 0)


async def test_deleted_posts_vanish_and_edits_show(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    await act(client, bob, f"accounts/{alice.id}/follow")
    first, second = await post(client, alice, "first"), await post(client, alice, "second")
    await eventually(client, "timelines/home", bob, [second["id"], first["id"]])
    response = await client.put(
        f"/api/v1/statuses/{first['id']}", headers=alice.headers, json={"status": "changed"}
    )
    assert response.status_code == 200, response.text
    shown = (await get(client, "timelines/home", bob)).json()
    assert "changed" in shown[1]["content"]
    assert (await client.delete(f"/api/v1/statuses/{second['id']}", headers=alice.headers)).status_code == 200
    assert await ids(client, "timelines/home", bob) == [first["id"]]


async def test_somebody_else_s_list_does_not_exist(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    await act(client, alice, f"accounts/{bob.id}/follow")
    made = await client.post("/api/v1/lists", headers=alice.headers, json={"title": "friends"})
    list_id = made.json()["id"]
    added = await client.post(
        f"/api/v1/lists/{list_id}/accounts", headers=alice.headers, json={"account_ids": [bob.id]}
    )
    assert added.status_code == 200, added.text
    status = await post(client, bob)
    assert await ids(client, f"timelines/list/{list_id}", alice) == [status["id"]]
    for list_name in (list_id, "0", "abc", "999999"):
        response = await client.get(f"/api/v1/timelines/list/{list_name}", headers=bob.headers)
        assert response.status_code == 404


async def test_unknown_accounts_have_no_statuses(client: httpx.AsyncClient, world: World) -> None:
    for name in ("1", "abc", "99999999999999999999999"):
        assert (await client.get(f"/api/v1/accounts/{name}/statuses")).status_code == 404
