"""What clients of the streaming API see: events, streams, refusals. A real gateway with real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import websockets

from api.actions import edits, lists, reactions, statuses
from api.actions.edits import Changes
from tests.api.streams import Gateway, event_stream, follow, open_gateway, post, until
from tests.api.world import Person, World


@pytest.fixture
async def gateway(world: World) -> AsyncIterator[Gateway]:
    async with open_gateway(world) as gateway:
        yield gateway


@pytest.fixture
async def people(world: World) -> list[Person]:
    """Alice, whom bob follows, and carol, who knows nobody."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await follow(world.context, bob, alice)
    return [alice, bob, carol]


async def test_a_follower_sees_a_post_as_rest_shows_it(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    alice, bob, carol = people
    async with gateway.reader(bob, "user") as reader, gateway.reader(carol, "user") as stranger:
        status_id = await post(world.context, alice, "hello", visibility="unlisted")
        event = await reader.next()
        (drawn,) = await statuses.draw_many(world.context, ids=[status_id], caller_id=bob.account_id)
        assert event == {"stream": ["user"], "event": "update", "payload": json.loads(drawn)}
        assert await stranger.silent()


async def test_posts_arrive_in_order_and_once(world: World, gateway: Gateway, people: list[Person]) -> None:
    alice, bob, _ = people
    async with gateway.reader(bob, "user") as reader:
        posts = [post(world.context, alice, f"post {number}") for number in range(60)]
        ids = await asyncio.gather(*posts)
        events = [await reader.next() for _ in ids]
        assert [int(event["payload"]["id"]) for event in events] == sorted(ids)
        assert await reader.silent()


async def test_one_socket_carries_many_streams_until_it_unsubscribes(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    alice, bob, _ = people
    tag = {"stream": "hashtag", "tag": "Cats"}
    async with gateway.reader(bob, "user", "public", "public:local", tag) as reader:
        await post(world.context, alice, "one #cats")
        streams = sorted([(await reader.next())["stream"] for _ in range(4)])
        assert streams == [["hashtag", "Cats"], ["public"], ["public:local"], ["user"]]
        for wish in ({"stream": "public"}, {"stream": "public:local"}, {"stream": "hashtag", "tag": "cats"}):
            await reader.connection.send(json.dumps({"type": "unsubscribe", **wish}))
        await until(lambda: gateway.subscriptions == 1)
        await post(world.context, alice, "two #cats")
        assert (await reader.next())["stream"] == ["user"]
        assert await reader.silent()


async def test_public_streams_are_open_to_everybody_and_hold_what_the_timelines_hold(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    alice, bob, _ = people
    async with (
        gateway.reader(None, "public") as public,
        gateway.reader(None, "public:media") as media,
        gateway.reader(None, "public:remote") as remote,
    ):
        first = await post(world.context, alice, "first")
        await post(world.context, alice, "quiet", visibility="unlisted")
        await post(world.context, alice, "followers", visibility="private")
        await post(world.context, bob, "an answer", in_reply_to_id=first)
        await post(world.context, alice, "a thread", in_reply_to_id=first)
        await reactions.reblog(
            world.context, account_id=bob.account_id, status_id=first, visibility=None, app_id=None
        )
        await post(world.context, bob, "last")
        assert await public.contents(3) == ["first", "a thread", "last"]
        assert await public.silent()
        assert await media.silent(0.05)
        assert await remote.silent(0.05)


async def test_a_hashtag_is_found_however_it_is_written(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    alice, *_ = people
    async with gateway.reader(None, {"stream": "hashtag:local", "tag": "#CaFÉ"}) as reader:
        await post(world.context, alice, "no tag")
        await post(world.context, alice, "two #café")
        event = await reader.next()
        assert event["stream"] == ["hashtag:local", "#CaFÉ"]
        assert "two" in event["payload"]["content"]


async def test_an_edit_and_a_deletion_reach_those_who_had_the_post(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    alice, bob, carol = people
    async with (
        gateway.reader(bob, "user") as reader,
        gateway.reader(None, "public") as public,
        gateway.reader(carol, "user") as stranger,
    ):
        status_id = await post(world.context, alice, "draft")
        ids = {"account_id": alice.account_id, "status_id": status_id}
        assert [(await one.next())["event"] for one in (reader, public)] == ["update"] * 2
        await edits.edit(world.context, **ids, to=Changes("final"))
        for one in (reader, public):
            event = await one.next()
            assert event["event"] == "status.update"
            assert event["payload"]["content"] == "<p>final</p>"
            assert event["payload"]["edited_at"]
        await statuses.delete(world.context, **ids, delete_media=True)
        for one in (reader, public):
            event = await one.next()
            assert (event["event"], event["payload"]) == ("delete", str(status_id))
        assert await stranger.silent()


async def test_an_edited_status_keeps_what_the_reader_did_with_it(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    alice, bob, carol = people
    await follow(world.context, carol, alice)
    status_id = await post(world.context, alice, "draft")
    await reactions.favourite(world.context, account_id=bob.account_id, status_id=status_id)
    async with gateway.reader(bob, "user") as fan, gateway.reader(carol, "user") as other:
        ids = {"account_id": alice.account_id, "status_id": status_id}
        await edits.edit(world.context, **ids, to=Changes("final"))
        assert (await fan.next())["payload"]["favourited"] is True
        assert (await other.next())["payload"]["favourited"] is False
        await reactions.reblog(
            world.context, account_id=alice.account_id, status_id=status_id, visibility=None, app_id=None
        )
        assert (await fan.next())["payload"]["reblog"]["favourited"] is True
        assert (await other.next())["payload"]["reblog"]["favourited"] is False


async def test_a_notification_is_drawn_for_its_recipient(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    alice, bob, carol = people
    status_id = await post(world.context, alice, "please like")
    async with (
        gateway.reader(alice, "user", "user:notification") as reader,
        gateway.reader(carol, "user") as stranger,
    ):
        await reactions.favourite(world.context, account_id=bob.account_id, status_id=status_id)
        events = [await reader.next(), await reader.next()]
        assert [event["stream"] for event in events] == [["user"], ["user:notification"]]
        for event in events:
            assert event["event"] == "notification"
            assert event["payload"]["type"] == "favourite"
            assert event["payload"]["account"]["id"] == bob.id
            assert event["payload"]["status"]["id"] == str(status_id)
        assert await stranger.silent()


async def test_a_user_stream_leaves_out_what_its_token_may_not_read(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    alice, bob, _ = people
    narrow = await world.sign_in(
        account_id=alice.account_id, username="alice", scopes=("read:statuses", "write")
    )
    async with gateway.reader(narrow, "user") as reader:
        await reader.connection.send(json.dumps({"type": "subscribe", "stream": "user:notification"}))
        assert (await reader.next())["status"] == 403
        status_id = await post(world.context, alice, "mine")
        assert (await reader.next())["event"] == "update"
        await reactions.favourite(world.context, account_id=bob.account_id, status_id=status_id)
        assert await reader.silent()


async def test_a_direct_message_becomes_a_conversation(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    alice, bob, carol = people
    async with gateway.reader(bob, "direct") as reader, gateway.reader(carol, "direct") as stranger:
        await post(world.context, alice, "@bob psst", visibility="direct")
        event = await reader.next()
        assert event["event"] == "conversation"
        assert event["payload"]["unread"] is True
        assert [account["username"] for account in event["payload"]["accounts"]] == ["alice"]
        assert "psst" in event["payload"]["last_status"]["content"]
        assert await stranger.silent()


async def test_a_list_has_its_members_posts_and_belongs_to_its_owner(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    alice, bob, carol = people
    await follow(world.context, bob, carol)
    made = await lists.create(world.context, account_id=bob.account_id, change=lists.ListChange(title="few"))
    members = {"account_id": bob.account_id, "list_id": made.id, "member_ids": [alice.account_id]}
    await lists.add(world.context, **members)
    stream = {"stream": "list", "list": str(made.id)}
    async with (
        gateway.reader(bob, stream) as reader,
        gateway.socket(additional_headers=alice.headers) as thief,
    ):
        await thief.send(json.dumps({"type": "subscribe", **stream}))
        assert json.loads(await thief.recv()) == {"error": "Record not found", "status": 404}
        await post(world.context, carol, "not in the list")
        await post(world.context, alice, "in the list", visibility="private")
        event = await reader.next()
        assert event["stream"] == ["list", str(made.id)]
        assert "in the list" in event["payload"]["content"]
        await lists.remove(world.context, **members)
        await post(world.context, alice, "not any more")
        assert await reader.silent()


@pytest.mark.parametrize(
    ("wish", "answer"),
    [
        ({"stream": "nonsense"}, {"error": "Unknown stream type", "status": 400}),
        ({}, {"error": "Unknown stream type", "status": 400}),
        ({"stream": "hashtag"}, {"error": "Missing tag name parameter", "status": 400}),
        ({"stream": "hashtag", "tag": " # "}, {"error": "Missing tag name parameter", "status": 400}),
        ({"stream": "list"}, {"error": "Missing list name parameter", "status": 400}),
        ({"stream": "list", "list": "x"}, {"error": "Missing list name parameter", "status": 400}),
        ({"stream": "list", "list": "12345"}, {"error": "Record not found", "status": 404}),
        ({"stream": {"a": 1}}, {"error": "Unknown stream type", "status": 400}),
    ],
)
async def test_a_refused_subscription_says_why_and_the_socket_lives(
    gateway: Gateway, people: list[Person], wish: dict[str, Any], answer: dict[str, Any]
) -> None:
    async with gateway.socket(additional_headers=people[0].headers) as connection:
        await connection.send(json.dumps({"type": "subscribe", **wish}))
        assert json.loads(await connection.recv()) == answer
        await connection.send(json.dumps({"type": "subscribe", "stream": ["public", "user"]}))
        await until(lambda: gateway.subscriptions == 1)


async def test_malformed_messages_are_answered_or_ignored(gateway: Gateway) -> None:
    async with gateway.socket() as connection:
        for message in ("{", "[]", "1", '"text"'):
            await connection.send(message)
            assert json.loads(await connection.recv())["status"] == 400
        await connection.send(json.dumps({"type": "dance", "stream": "public"}))
        await connection.send(json.dumps({"type": "subscribe", "stream": "user"}))
        assert json.loads(await connection.recv()) == {"error": "Missing access token", "status": 401}


async def test_too_many_subscriptions_are_refused(world: World, people: list[Person]) -> None:
    async with (
        open_gateway(world, subscriptions_max=2) as gateway,
        gateway.reader(people[0], "user", "public") as reader,
    ):
        await reader.connection.send(json.dumps({"type": "subscribe", "stream": "direct"}))
        assert (await reader.next())["status"] == 422


async def test_a_token_comes_by_query_header_or_subprotocol(gateway: Gateway, people: list[Person]) -> None:
    alice, *_ = people
    ways: list[tuple[str, dict[str, Any]]] = [
        (f"?access_token={alice.token}&stream=user", {}),
        ("?stream=user", {"additional_headers": alice.headers}),
        ("/?stream=user", {"subprotocols": [alice.token]}),
    ]
    for query, options in ways:
        async with gateway.socket(query, **options) as connection:
            assert connection.subprotocol == next(iter(options.get("subprotocols", [])), None)
            await until(lambda: gateway.subscriptions == 1)
            (connected,) = gateway.hub.connections
            assert connected.account_id == alice.account_id
        await until(lambda: len(gateway.hub) == 0)


@pytest.mark.parametrize("query", ["?access_token=nonsense", "?stream=user", "?stream=user:notification"])
async def test_an_upgrade_without_a_valid_token_is_refused(gateway: Gateway, query: str) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with gateway.socket(query):
            pass
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body)["status"] == 401
    assert len(gateway.hub) == 0


async def test_server_sent_events_carry_the_same_events(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    alice, bob, _ = people
    async with event_stream(f"{gateway.http}/user", token=bob.token) as events:
        assert await anext(events) == {"comment": ")"}
        await until(lambda: gateway.subscriptions == 1)
        status_id = await post(world.context, alice, "hello\nthere")
        event = await anext(events)
        assert event["event"] == "update"
        assert json.loads(event["data"])["id"] == str(status_id)
    await until(lambda: len(gateway.hub) == 0)


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        ("/user", "user"),
        ("/user/notification", "user:notification"),
        ("/public", "public"),
        ("/public?only_media=true", "public:media"),
        ("/public/local", "public:local"),
        ("/public/local?only_media=1", "public:local:media"),
        ("/public/remote", "public:remote"),
        ("/public/media", "public:media"),
        ("/hashtag?tag=x", "hashtag"),
        ("/hashtag/local/?tag=x", "hashtag:local"),
        ("/direct", "direct"),
    ],
)
async def test_every_path_of_server_sent_events_is_a_stream(
    gateway: Gateway, people: list[Person], path: str, stream: str
) -> None:
    async with event_stream(gateway.http + path, token=people[0].token) as events:
        await anext(events)
        await until(lambda: gateway.subscriptions == 1)
        (connection,) = gateway.hub.connections
        assert [key[0] for key in connection.subscriptions] == [stream]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/user", 401),
        ("/user?access_token=forged", 401),
        ("/public?access_token=forged", 401),
        ("/hashtag", 400),
        ("/nonsense", 404),
        ("", 400),
    ],
)
async def test_refused_event_streams_are_ordinary_errors(gateway: Gateway, path: str, status: int) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(gateway.http + path)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_health_methods_and_preflight(gateway: Gateway) -> None:
    async with httpx.AsyncClient() as client:
        health = await client.get(f"{gateway.http}/health")
        assert (health.status_code, health.text) == (200, "OK")
        assert (await client.post(f"{gateway.http}/public")).status_code == 405
        preflight = await client.options(f"{gateway.http}/user")
        assert preflight.status_code == 204
        assert "Authorization" in preflight.headers["access-control-allow-headers"]


async def test_quiet_event_streams_are_kept_alive(world: World) -> None:
    async with (
        open_gateway(world, heartbeat_s=0.05) as gateway,
        event_stream(f"{gateway.http}/public") as events,
    ):
        comments = [(await anext(events))["comment"] for _ in range(3)]
        assert comments == [")", "thump", "thump"]
