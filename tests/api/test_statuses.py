"""Posting, reading, answering, deleting and editing statuses over HTTP, as Mastodon clients do."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.api.world import Person, World


async def post(client: httpx.AsyncClient, who: Person, text: str = "", **more: Any) -> dict[str, Any]:
    response = await client.post("/api/v1/statuses", headers=who.headers, json={"status": text, **more})
    assert response.status_code == 200, response.text
    return dict(response.json())


async def show(client: httpx.AsyncClient, status_id: str, who: Person | None = None) -> dict[str, Any]:
    response = await client.get(f"/api/v1/statuses/{status_id}", headers=who.headers if who else {})
    assert response.status_code == 200, response.text
    return dict(response.json())


async def status_of(client: httpx.AsyncClient, path: str, who: Person | None = None) -> int:
    return (await client.get(path, headers=who.headers if who else {})).status_code


async def follow(client: httpx.AsyncClient, who: Person, whom: Person) -> None:
    assert (await client.post(f"/api/v1/accounts/{whom.id}/follow", headers=who.headers)).is_success


async def statuses_count(client: httpx.AsyncClient, who: Person) -> int:
    return int((await client.get(f"/api/v1/accounts/{who.id}")).json()["statuses_count"])


async def types(client: httpx.AsyncClient, who: Person) -> list[str]:
    found = (await client.get("/api/v1/notifications", headers=who.headers)).json()
    return [notification["type"] for notification in found]


async def test_a_post_has_what_was_typed_and_can_be_read_by_everybody(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    status = await post(client, alice, "Hi @Bob <b> #Tag\nhttps://example.org", language="de")
    assert status["content"].startswith('<p>Hi <span class="h-card" translate="no"><a href="')
    assert "&lt;b&gt;" in status["content"]
    assert [mention["username"] for mention in status["mentions"]] == ["bob"]
    assert [tag["name"] for tag in status["tags"]] == ["Tag"]
    assert (status["visibility"], status["language"], status["sensitive"]) == ("public", "de", False)
    assert status["application"]["name"] == "Test App"
    assert (await show(client, status["id"]))["content"] == status["content"]
    assert (await show(client, status["id"], bob))["favourited"] is False
    assert await types(client, bob) == ["mention"]
    assert await statuses_count(client, alice) == 1


async def test_a_warning_alone_is_the_text_and_a_warning_makes_sensitive(
    client: httpx.AsyncClient, world: World
) -> None:
    (alice,) = await world.people("alice")
    alone = await post(client, alice, "", spoiler_text="only this")
    assert (alone["content"], alone["spoiler_text"]) == ("<p>only this</p>", "")
    warned = await post(client, alice, "text", spoiler_text="careful")
    assert (warned["spoiler_text"], warned["sensitive"]) == ("careful", True)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"status": ""}, "Validation failed: Text can't be blank"),
        ({"status": " \n\t "}, "Validation failed: Text can't be blank"),
        ({"status": "a" * 501}, "Validation failed: Text character limit of 500 exceeded"),
        (
            {"status": "a" * 300, "spoiler_text": "b" * 201},
            "Validation failed: Text character limit of 500 exceeded",
        ),
        ({"status": "a" + "\u0301" * 20_000}, "Validation failed: Text character limit of 500 exceeded"),
        ({"status": "x", "visibility": "secret"}, "'secret' is not a valid visibility"),
        ({"status": "x", "media_ids": ["1"]}, "Media 1 not found or already attached to another post"),
        ({"status": "x", "media_ids": ["1", "2", "3", "4", "5"]}, "Cannot attach more than 4 files"),
        (
            {"status": "x", "poll": {"options": ["a", "b"], "expires_in": 300}},
            "Polls are not supported by this server yet",
        ),
        (
            {"status": "x", "scheduled_at": "2030-01-01T00:00:00Z"},
            "Scheduled posts are not supported by this server yet",
        ),
    ],
)
async def test_what_is_no_post_is_refused_in_a_sentence(
    client: httpx.AsyncClient, world: World, body: dict[str, Any], message: str
) -> None:
    (alice,) = await world.people("alice")
    response = await client.post("/api/v1/statuses", headers=alice.headers, json=body)
    assert (response.status_code, response.json()["error"]) == (422, message)
    assert await statuses_count(client, alice) == 0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"status": {"a": 1}}, 422),
        ({"status": ["a"]}, 422),
        ({"status": "x", "sensitive": "perhaps"}, 422),
        ({"status": "x", "media_ids": ["a"]}, 422),
        ({"status": "x", "media_ids": str(2**63)}, 422),
        ({"status": "x", "in_reply_to_id": "nonsense"}, 404),
        ({"status": "x", "in_reply_to_id": str(2**64)}, 404),
        ({"status": "x", "in_reply_to_id": "12345"}, 404),
        ({"status": "x", "language": "<script>"}, 200),
        ({"status": 5}, 200),
        ({"status": "a\x01b\ufffe"}, 200),
    ],
)
async def test_bad_members_are_never_a_server_error(
    client: httpx.AsyncClient, world: World, body: dict[str, Any], expected: int
) -> None:
    (alice,) = await world.people("alice")
    response = await client.post("/api/v1/statuses", headers=alice.headers, json=body)
    assert response.status_code == expected, response.text


async def test_posting_needs_a_person_with_the_scope(client: httpx.AsyncClient, world: World) -> None:
    reader = await world.person("reader", scopes=("read",))
    assert (await client.post("/api/v1/statuses", json={"status": "x"})).status_code == 401
    refused = await client.post("/api/v1/statuses", json={"status": "x"}, headers=reader.headers)
    assert refused.status_code == 403


async def test_private_and_direct_posts_reach_whom_they_are_for_and_nobody_else(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, follower, friend, stranger = await world.people("alice", "follower", "friend", "stranger")
    await follow(client, follower, alice)
    private = await post(client, alice, "for followers", visibility="private")
    direct = await post(client, alice, "@friend only you", visibility="direct")
    seen = {
        person.username: [
            await status_of(client, f"/api/v1/statuses/{status['id']}{tail}", person)
            for status in (private, direct)
            for tail in ("", "/context", "/history", "/source", "/favourited_by", "/reblogged_by")
        ]
        for person in (alice, follower, friend, stranger)
    }
    assert seen["alice"] == [200] * 12
    assert seen["follower"] == [200] * 6 + [404] * 6
    assert seen["friend"] == [404] * 6 + [200] * 6
    assert seen["stranger"] == [404] * 12
    assert await status_of(client, f"/api/v1/statuses/{private['id']}") == 404
    for act in ("favourite", "reblog", "bookmark", "mute"):
        response = await client.post(f"/api/v1/statuses/{private['id']}/{act}", headers=stranger.headers)
        assert response.status_code == 404
    answer = {"status": "I know", "in_reply_to_id": private["id"]}
    response = await client.post("/api/v1/statuses", headers=stranger.headers, json=answer)
    assert response.status_code == 404
    assert response.json()["error"] == "The post you are trying to reply to does not appear to exist."
    many = await client.get(
        "/api/v1/statuses", params={"id[]": [private["id"], direct["id"]]}, headers=stranger.headers
    )
    assert many.json() == []
    assert await statuses_count(client, alice) == 1  # direct posts do not count


async def test_whom_the_author_blocked_sees_nothing_and_is_not_mentioned(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    status = await post(client, alice, "hello")
    await client.post(f"/api/v1/accounts/{bob.id}/block", headers=alice.headers)
    assert await status_of(client, f"/api/v1/statuses/{status['id']}", bob) == 404
    response = await client.post(f"/api/v1/statuses/{status['id']}/favourite", headers=bob.headers)
    assert response.status_code == 404
    await post(client, bob, "@alice hear me")
    assert await types(client, alice) == []
    assert (await post(client, alice, "@bob you are blocked"))["mentions"] == []
    assert await types(client, bob) == []


async def test_a_thread_reads_in_order_with_the_author_going_on_first(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    root = await post(client, alice, "root")
    answer = await post(client, bob, "answer", in_reply_to_id=root["id"])
    deeper = await post(client, alice, "deeper", in_reply_to_id=answer["id"])
    later = await post(client, bob, "later", in_reply_to_id=root["id"])
    onward = await post(client, alice, "going on", in_reply_to_id=root["id"])
    context = (await client.get(f"/api/v1/statuses/{root['id']}/context")).json()
    assert context["ancestors"] == []
    ids = [status["id"] for status in context["descendants"]]
    assert ids == [onward["id"], answer["id"], deeper["id"], later["id"]]
    context = (await client.get(f"/api/v1/statuses/{deeper['id']}/context")).json()
    assert [status["id"] for status in context["ancestors"]] == [root["id"], answer["id"]]
    assert (await show(client, root["id"]))["replies_count"] == 3
    assert (answer["in_reply_to_id"], answer["in_reply_to_account_id"]) == (root["id"], alice.id)
    again = await post(client, bob, "and", in_reply_to_id=answer["id"])
    assert again["in_reply_to_account_id"] == alice.id  # going on with an answer answers the same person


async def test_private_answers_are_not_counted_and_not_shown(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    root = await post(client, alice, "root")
    await post(client, bob, "@alice psst", in_reply_to_id=root["id"], visibility="direct")
    assert (await show(client, root["id"]))["replies_count"] == 0
    for who, count in ((None, 0), (alice, 1)):
        response = await client.get(
            f"/api/v1/statuses/{root['id']}/context", headers=who.headers if who else {}
        )
        assert len(response.json()["descendants"]) == count


async def test_a_deleted_status_is_gone_with_its_reblogs_and_counts_and_answers_its_text(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    root = await post(client, bob, "root")
    status = await post(client, alice, "a *text*", in_reply_to_id=root["id"])
    child = await post(client, bob, "child", in_reply_to_id=status["id"])
    await client.post(f"/api/v1/statuses/{status['id']}/reblog", headers=bob.headers)
    path = f"/api/v1/statuses/{status['id']}"
    assert (await client.delete(path, headers=bob.headers)).status_code == 404
    deleted = await client.delete(path, headers=alice.headers)
    assert (deleted.status_code, deleted.json()["text"]) == (200, "a *text*")
    assert (await client.delete(path, headers=alice.headers)).status_code == 404
    assert await status_of(client, path, bob) == 404
    assert (await show(client, root["id"]))["replies_count"] == 0
    assert (await show(client, child["id"]))["in_reply_to_id"] is None
    assert await statuses_count(client, alice) == 0
    assert await statuses_count(client, bob) == 2
    home = (await client.get("/api/v1/timelines/home", headers=bob.headers)).json()
    assert {entry["id"] for entry in home} == {root["id"], child["id"]}


async def test_an_edit_keeps_history_and_tells_who_reblogged(client: httpx.AsyncClient, world: World) -> None:
    alice, bob, _carol = await world.people("alice", "bob", "carol")
    status = await post(client, alice, "first @carol #one")
    await client.post(f"/api/v1/statuses/{status['id']}/reblog", headers=bob.headers)
    path = f"/api/v1/statuses/{status['id']}"
    change = {"status": "second @bob #two", "spoiler_text": "careful"}
    edited = (await client.put(path, headers=alice.headers, json=change)).json()
    assert edited["edited_at"] is not None
    assert [tag["name"] for tag in edited["tags"]] == ["two"]
    assert [mention["username"] for mention in edited["mentions"]] == ["bob"]
    assert sorted(await types(client, bob)) == ["mention", "update"]
    source = (await client.get(f"{path}/source", headers=alice.headers)).json()
    assert source == {"id": status["id"], "text": "second @bob #two", "spoiler_text": "careful"}
    history = (await client.get(f"{path}/history")).json()
    assert [version["content"] for version in history] == [status["content"], edited["content"]]
    assert [version["created_at"] for version in history] == [status["created_at"], edited["edited_at"]]
    assert history[0]["account"]["id"] == alice.id
    again = (await client.put(path, headers=alice.headers, json=change)).json()
    assert again["edited_at"] == edited["edited_at"]  # nothing changed
    assert (await client.put(path, headers=bob.headers, json=change)).status_code == 404
    assert (await client.put(path, headers=alice.headers, json={"status": ""})).status_code == 422


async def test_an_unedited_status_has_one_version(client: httpx.AsyncClient, world: World) -> None:
    (alice,) = await world.people("alice")
    status = await post(client, alice, "as it is")
    (only,) = (await client.get(f"/api/v1/statuses/{status['id']}/history")).json()
    assert (only["content"], only["created_at"]) == (status["content"], status["created_at"])


async def test_the_same_key_is_the_same_post_also_when_sent_at_once(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")

    async def send(who: Person, key: str) -> str:
        response = await client.post(
            "/api/v1/statuses", headers={**who.headers, "Idempotency-Key": key}, json={"status": "once"}
        )
        assert response.status_code == 200, response.text
        return str(response.json()["id"])

    ids = await asyncio.gather(*(send(alice, "key") for _ in range(10)))
    assert len(set(ids)) == 1
    assert await send(alice, "key") == ids[0]
    others = {await send(bob, "key"), await send(alice, "another"), await send(alice, "k" * 4000)}
    assert len(others | {ids[0]}) == 4
    assert await statuses_count(client, alice) == 3
    async with world.context.pool.transaction() as conn:
        await conn.execute("UPDATE idempotency_keys SET created_at = created_at - interval '61 minutes'")
    assert await send(alice, "key") != ids[0]


async def test_many_statuses_are_read_at_once(client: httpx.AsyncClient, world: World) -> None:
    (alice,) = await world.people("alice")
    ids = [(await post(client, alice, f"number {number}"))["id"] for number in range(3)]
    found = (await client.get("/api/v1/statuses", params={"id[]": [*ids, "77", "x"]})).json()
    assert [status["id"] for status in found] == ids
    too_many = await client.get("/api/v1/statuses", params={"id[]": [str(n + 1) for n in range(21)]})
    assert too_many.status_code == 422


@pytest.mark.parametrize("wrong", ["0", "-1", "abc", str(2**63), "1e5", "%00", "9" * 400])
async def test_ids_that_are_none_are_not_found(client: httpx.AsyncClient, world: World, wrong: str) -> None:
    (alice,) = await world.people("alice")
    for method, tail in (("GET", ""), ("GET", "/context"), ("DELETE", ""), ("POST", "/favourite")):
        response = await client.request(method, f"/api/v1/statuses/{wrong}{tail}", headers=alice.headers)
        assert response.status_code in (400, 404), response.text
