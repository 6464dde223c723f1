"""Following, blocking and muting over HTTP: what others see, counts, repeated and simultaneous requests."""

import asyncio
from typing import Any

import httpx

from tests.api.world import Person, World


async def act(client: httpx.AsyncClient, who: Person, verb: str, whom: Person, **data: Any) -> dict[str, Any]:
    response = await client.post(f"/api/v1/accounts/{whom.id}/{verb}", headers=who.headers, json=data)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def counts(client: httpx.AsyncClient, who: Person) -> tuple[int, int]:
    account = (await client.get(f"/api/v1/accounts/{who.id}")).json()
    return account["followers_count"], account["following_count"]


async def relationship(client: httpx.AsyncClient, who: Person, whom: Person) -> dict[str, Any]:
    response = await client.get(
        "/api/v1/accounts/relationships", params={"id[]": whom.id}, headers=who.headers
    )
    (found,) = response.json()
    return dict(found)


def true_flags(relation: dict[str, Any]) -> set[str]:
    return {name for name, value in relation.items() if value is True}


async def test_following_shows_on_both_sides_and_counts_once_however_often_it_is_asked(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    for _ in range(3):
        answer = await act(client, alice, "follow", bob)
        assert true_flags(answer) == {"following", "showing_reblogs"}
    assert true_flags(await relationship(client, bob, alice)) == {"followed_by"}
    assert await counts(client, alice) == (0, 1)
    assert await counts(client, bob) == (1, 0)
    for _ in range(2):
        assert true_flags(await act(client, alice, "unfollow", bob)) == set()
    assert await counts(client, alice) == await counts(client, bob) == (0, 0)


async def test_a_follow_can_be_changed_without_being_a_new_one(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    await act(client, alice, "follow", bob)
    changed = await act(client, alice, "follow", bob, reblogs="false", notify="1", languages=["de", "en"])
    assert (changed["showing_reblogs"], changed["notifying"]) == (False, True)
    assert changed["languages"] == ["de", "en"]
    again = await act(client, alice, "follow", bob, languages=[])
    assert (again["showing_reblogs"], again["notifying"], again["languages"]) == (False, True, None)
    assert await counts(client, bob) == (1, 0)
    notifications = await client.get("/api/v1/notifications", headers=bob.headers)
    assert [one["type"] for one in notifications.json()] == ["follow"]


async def test_counts_are_right_when_many_follow_and_unfollow_at_once(
    client: httpx.AsyncClient, world: World
) -> None:
    people = await world.people(*(f"person{number}" for number in range(8)))
    pairs = [(one, other) for one in people for other in people if one is not other]
    await asyncio.gather(*(act(client, one, "follow", other) for one, other in pairs for _ in range(2)))
    assert {await counts(client, one) for one in people} == {(7, 7)}
    verbs = [(one, other, verb) for one, other in pairs for verb in ("unfollow", "follow", "unfollow")]
    await asyncio.gather(*(act(client, one, verb, other) for one, other, verb in verbs))
    async with world.context.pool.connection() as conn:
        rows = await conn.fetch(
            "SELECT followers, following,"
            " (SELECT count(*) FROM follows WHERE target_id = stats.account_id) AS real_followers,"
            " (SELECT count(*) FROM follows WHERE account_id = stats.account_id) AS real_following"
            " FROM account_stats stats"
        )
    assert all((row[0], row[1]) == (row[2], row[3]) for row in rows)


async def test_people_who_block_each_other_while_following_end_up_strangers(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    for _ in range(5):
        calls = [(alice, "follow", bob), (bob, "follow", alice), (bob, "block", alice)]
        await asyncio.gather(
            *(
                client.post(f"/api/v1/accounts/{whom.id}/{verb}", headers=who.headers)
                for who, verb, whom in calls
            )
        )
        assert true_flags(await relationship(client, alice, bob)) == {"blocked_by"}
        assert await counts(client, alice) == await counts(client, bob) == (0, 0)
        await act(client, bob, "unblock", alice)


async def test_blocking_ends_follows_and_requests_both_ways_and_hides_notifications(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    await act(client, alice, "follow", bob)
    await act(client, bob, "follow", alice)
    assert (await client.get("/api/v1/notifications", headers=alice.headers)).json()
    blocked = await act(client, alice, "block", bob)
    assert true_flags(blocked) == {"blocking"}
    assert true_flags(await relationship(client, bob, alice)) == {"blocked_by"}
    assert await counts(client, alice) == await counts(client, bob) == (0, 0)
    for person in (alice, bob):
        assert (await client.get("/api/v1/notifications", headers=person.headers)).json() == []
    for path in ("followers", "following"):
        response = await client.get(f"/api/v1/accounts/{alice.id}/{path}", headers=bob.headers)
        assert response.json() == []
    listed = (await client.get("/api/v1/blocks", headers=alice.headers)).json()
    assert [account["id"] for account in listed] == [bob.id]


async def test_nobody_follows_across_a_block(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    await act(client, alice, "block", bob)
    for who, whom in ((alice, bob), (bob, alice)):
        response = await client.post(f"/api/v1/accounts/{whom.id}/follow", headers=who.headers)
        assert (response.status_code, response.json()["error"]) == (403, "This action is not allowed")


async def test_a_mute_hides_for_its_time_and_then_no_more(client: httpx.AsyncClient, world: World) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    muted = await act(client, alice, "mute", bob, duration=1)
    assert true_flags(muted) == {"muting", "muting_notifications"}
    assert muted["muting_expires_at"].endswith("Z")
    assert true_flags(await act(client, alice, "mute", carol, notifications="false")) == {"muting"}
    await act(client, bob, "follow", alice)
    await act(client, carol, "follow", alice)

    async def heard() -> list[str]:
        found = (await client.get("/api/v1/notifications", headers=alice.headers)).json()
        return [one["account"]["username"] for one in found]

    async def listed() -> list[str]:
        found = (await client.get("/api/v1/mutes", headers=alice.headers)).json()
        return [one["username"] for one in found]

    assert await heard() == ["carol"]
    assert await listed() == ["carol", "bob"]
    await asyncio.sleep(1.1)
    assert await listed() == ["carol"]
    assert true_flags(await relationship(client, alice, bob)) == {"followed_by"}
    await act(client, alice, "mute", bob)
    assert (await relationship(client, alice, bob))["muting_expires_at"] is None
    assert true_flags(await act(client, alice, "unmute", bob)) == {"followed_by"}


async def test_a_follower_can_be_sent_away(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    await act(client, bob, "follow", alice)
    assert true_flags(await act(client, alice, "remove_from_followers", bob)) == set()
    assert await counts(client, alice) == (0, 0)
    assert true_flags(await act(client, alice, "remove_from_followers", bob)) == set()


async def test_followers_page_by_follow_with_links_in_both_directions(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, *others = await world.people("alice", *(f"fan{number}" for number in range(5)))
    for fan in others:
        await act(client, fan, "follow", alice)
    seen: list[str] = []
    url: str | None = f"/api/v1/accounts/{alice.id}/followers?limit=2"
    pages = []
    while url:
        response = await client.get(url, headers=alice.headers)
        pages.append([one["username"] for one in response.json()])
        seen += pages[-1]
        previous = response.links.get("prev")
        url = response.links["next"]["url"] if response.json() and "next" in response.links else None
    assert seen == ["fan4", "fan3", "fan2", "fan1", "fan0"]
    assert previous is not None
    newer = await client.get(previous["url"], headers=alice.headers)
    assert [one["username"] for one in newer.json()] == ["fan2", "fan1"]
    following = await client.get(f"/api/v1/accounts/{others[0].id}/following")
    assert [one["username"] for one in following.json()] == ["alice"]


async def test_who_hides_their_collections_shows_them_to_nobody_else(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    await act(client, bob, "follow", alice)
    await client.patch(
        "/api/v1/accounts/update_credentials", headers=alice.headers, data={"hide_collections": "true"}
    )
    for headers, visible in ((alice.headers, 1), (bob.headers, 0), ({}, 0)):
        response = await client.get(f"/api/v1/accounts/{alice.id}/followers", headers=headers)
        assert len(response.json()) == visible


async def test_oneself_is_refused(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for verb in ("follow", "block", "mute"):
        response = await client.post(f"/api/v1/accounts/{alice.id}/{verb}", headers=alice.headers)
        assert response.status_code == 422
        assert verb in response.json()["error"]


VERBS = ("follow", "unfollow", "block", "unblock", "mute", "unmute", "remove_from_followers")


async def test_nobody_is_not_found(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for verb in VERBS:
        for target in ("1", "abc", "-5", "99999999999999999999", "0"):
            response = await client.post(f"/api/v1/accounts/{target}/{verb}", headers=alice.headers)
            assert (response.status_code, response.json()["error"]) == (404, "Record not found"), verb


WRONG_TERMS: list[tuple[str, dict[str, Any]]] = [
    ("mute", {"duration": -1}),
    ("mute", {"duration": "soon"}),
    ("mute", {"duration": 10**30}),
    ("mute", {"notifications": "perhaps"}),
    ("follow", {"reblogs": {"a": 1}}),
    ("follow", {"languages": ["x"] * 101}),
    ("follow", {"languages": [{"a": 1}]}),
    ("follow", {"languages": ["all of them"]}),
]


async def test_wrong_terms_are_refused(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    for verb, body in WRONG_TERMS:
        response = await client.post(f"/api/v1/accounts/{bob.id}/{verb}", headers=alice.headers, json=body)
        assert response.status_code == 422, (verb, body)
    assert true_flags(await relationship(client, alice, bob)) == set()


async def test_relations_need_a_token_with_the_right_scope(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice", scopes=("read",))
    bob = await world.person("bob", scopes=("follow",))
    path = f"/api/v1/accounts/{bob.id}/follow"
    assert (await client.post(path)).status_code == 401
    assert (await client.post(path, headers=alice.headers)).status_code == 403
    allowed = await client.post(f"/api/v1/accounts/{alice.id}/follow", headers=bob.headers)
    assert allowed.status_code == 200


async def test_relationships_answer_in_the_order_asked_without_those_of_nobody(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    wanted = [carol.id, "7", "abc", bob.id, carol.id]
    for name in ("id[]", "id"):
        query = [(name, one) for one in (wanted if name == "id[]" else [carol.id])]
        response = await client.get("/api/v1/accounts/relationships", params=query, headers=alice.headers)
        expected = [carol.id, bob.id] if name == "id[]" else [carol.id]
        assert [one["id"] for one in response.json()] == expected
    assert (await client.get("/api/v1/accounts/relationships", headers=alice.headers)).json() == []


async def ids(client: httpx.AsyncClient, who: Person, path: str) -> list[str]:
    response = await client.get(path, headers=who.headers)
    assert response.status_code == 200, response.text
    return [one["id"] for one in response.json()]


async def test_what_one_follows_is_in_home_and_what_one_blocks_is_nowhere(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")

    async def says(who: Person, text: str) -> str:
        response = await client.post("/api/v1/statuses", headers=who.headers, json={"status": text})
        return str(response.json()["id"])

    before = await says(bob, "before the follow")
    await act(client, alice, "follow", bob)
    after = await says(bob, "after the follow")
    assert await ids(client, alice, "/api/v1/timelines/home") == [after, before]
    await act(client, alice, "unfollow", bob)
    assert await ids(client, alice, "/api/v1/timelines/home") == []
    assert await ids(client, alice, "/api/v1/timelines/public") == [after, before]

    await act(client, alice, "follow", bob)
    own = await says(alice, "mine")
    await act(client, alice, "block", bob)
    assert await ids(client, alice, "/api/v1/timelines/home") == [own]
    assert await ids(client, alice, "/api/v1/timelines/public") == [own]
    assert own not in await ids(client, bob, "/api/v1/timelines/public")
    assert (await client.get(f"/api/v1/statuses/{own}", headers=bob.headers)).status_code == 404
    assert await ids(client, bob, f"/api/v1/accounts/{alice.id}/statuses") == []


async def test_a_mute_hides_from_timelines_at_once_and_only_for_its_time(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    await act(client, alice, "follow", bob)
    posted = await client.post("/api/v1/statuses", headers=bob.headers, json={"status": "hi"})
    for timeline in ("home", "public"):
        path = f"/api/v1/timelines/{timeline}"
        assert await ids(client, alice, path) == [posted.json()["id"]]
        await act(client, alice, "mute", bob, duration=1)
        assert await ids(client, alice, path) == []
        await asyncio.sleep(1.1)
        assert await ids(client, alice, path) == [posted.json()["id"]]
