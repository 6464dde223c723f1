"""How streams live and end: slow readers, revoked sessions, shards that die, clients that vanish."""

import asyncio
import datetime as dt
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import websockets

from api.close_codes import BINARY, EXPIRED, NEWS_LOST, REVOKED, SLOW_READER, TOO_LARGE, TOO_MANY_MESSAGES
from api.frames import Frames
from tests.api.streams import Gateway, event_stream, follow, open_gateway, post, until
from tests.api.world import Person, World


@pytest.fixture
async def gateway(world: World) -> AsyncIterator[Gateway]:
    async with open_gateway(world) as gateway:
        yield gateway


@pytest.fixture
async def people(world: World) -> list[Person]:
    """Bob follows alice."""
    alice, bob = await world.people("alice", "bob")
    await follow(world.context, bob, alice)
    return [alice, bob]


async def test_a_slow_reader_is_cut_off_and_told_why(world: World, people: list[Person]) -> None:
    alice, bob = people
    big = Frames("update", orjson.dumps({"content": "x" * 20_000}))
    async with open_gateway(world, send_queue_max=20) as gateway:
        # A client that reads nothing, behind buffers as small as the system allows.
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        narrow.connect(("127.0.0.1", gateway.port))
        options: dict[str, Any] = {"sock": narrow, "max_queue": 1, "compression": None}
        async with (
            gateway.socket("?stream=user", additional_headers=bob.headers, **options) as slow,
            gateway.reader(bob, "user") as quick,
        ):
            heard = 0
            while all(connection.closing is None for connection in gateway.hub.connections):
                for subscription in gateway.hub.readers("home")[bob.account_id]:
                    subscription.push(big)
                assert "content" in (await quick.next())["payload"]
                heard += 1
                assert heard < 5000, "nothing bounds what waits for a slow reader"
            assert [one.closing for one in gateway.hub.connections].count(SLOW_READER) == 1
            with pytest.raises(websockets.ConnectionClosed) as closed:
                while True:
                    await slow.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == SLOW_READER.code
            await until(lambda: len(gateway.hub) == 1)
            await post(world.context, alice, "to the one who is left")
            assert await quick.contents(1) == ["to the one who is left"]


async def test_revoking_a_session_closes_its_streams_within_a_second(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    _, bob = people
    again = await world.sign_in(account_id=bob.account_id, username="bob")
    async with (
        gateway.reader(bob, "user") as reader,
        gateway.reader(again, "user") as other,
        event_stream(f"{gateway.http}/user", token=bob.token) as events,
    ):
        await anext(events)
        async with asyncio.timeout(1):
            await world.context.sessions.revoke(session_ids=[bob.session_id], reason="test")
            assert await reader.close_code() == (REVOKED.code, REVOKED.reason)
            with pytest.raises(StopAsyncIteration):
                await anext(events)
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with gateway.socket("?stream=user", additional_headers=bob.headers):
                pass
        assert refused.value.response.status_code == 401
        assert await other.silent(0.05)


async def test_a_stream_ends_with_its_token(
    world: World, gateway: Gateway, people: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bob = people
    short = await world.sign_in(account_id=bob.account_id, username="bob", offline=True)
    caller = await gateway.context.tokens.verify(short.token)
    assert caller.expires_at is not None
    monkeypatch.setattr("api.gate.TIMER_S_MAX", 0.05)
    async with gateway.reader(short, "user") as reader:
        assert await reader.silent(0.1)
        after = dt.datetime.fromtimestamp(caller.expires_at + 1, dt.UTC)
        monkeypatch.setattr(type(gateway.context.clock), "now", lambda _clock: after)
        assert await reader.close_code() == (EXPIRED.code, EXPIRED.reason)


async def test_a_shard_that_starts_anew_sends_its_readers_back(
    world: World, gateway: Gateway, people: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.streaming.GOODBYE_SPREAD_S", 0.1)
    alice, bob = people
    async with gateway.reader(bob, "user") as reader:
        shard = gateway.context.inbox.shard_of(bob.account_id)
        assert shard is not None
        await world.context.feeds.restart(shard)  # type: ignore[attr-defined]
        assert await reader.close_code() == (NEWS_LOST.code, NEWS_LOST.reason)
    await until(gateway.context.inbox.fresh)
    await asyncio.sleep(0.2)
    async with gateway.reader(bob, "user") as reader:
        await post(world.context, alice, "back again", visibility="private")
        assert await reader.contents(1) == ["back again"]


async def test_clients_that_vanish_leave_nothing_behind(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    alice, bob = people
    streams = ("user", "public", {"stream": "hashtag", "tag": "x"})
    tasks = 0
    for how in ("close", "abort", "abort", "close"):
        async with gateway.reader(bob, *streams) as reader:
            await post(world.context, alice, f"hello #x {how}")
            await reader.next()
            if how == "abort":
                reader.connection.transport.abort()
        await until(lambda: len(gateway.hub) == 0)
        tasks = tasks or len(asyncio.all_tasks())  # what starts with the first client stays
    async with event_stream(f"{gateway.http}/public") as events:
        await anext(events)
    await until(lambda: len(gateway.hub) == 0)
    assert gateway.subscriptions == 0
    assert not any(gateway.hub.readers(kind) for kind in ("home", "notifications", "public", "tag"))
    assert not gateway.context.inbox._references.get(bob.account_id, 0) > 1  # the viewer cache has one
    await until(lambda: len(asyncio.all_tasks()) <= tasks)


async def test_clients_that_vanish_while_they_are_let_in_leave_nothing_behind(
    gateway: Gateway, people: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bob = people
    watch = gateway.context.inbox.watch
    waiting = asyncio.Event()

    async def slow_watch(account_ids: list[int]) -> Any:
        waiting.set()
        await asyncio.sleep(0.2)
        return await watch(account_ids)

    monkeypatch.setattr(gateway.context.inbox, "watch", slow_watch)

    async def come() -> None:
        async with gateway.socket("?stream=user", additional_headers=bob.headers):
            await asyncio.sleep(5)

    visit = asyncio.create_task(come())
    await waiting.wait()
    visit.cancel()
    await asyncio.gather(visit, return_exceptions=True)
    await asyncio.sleep(0.4)
    await until(lambda: len(gateway.hub) == 0)


async def test_an_account_has_a_bounded_number_of_streams(world: World, people: list[Person]) -> None:
    alice, bob = people
    async with open_gateway(world, sockets_per_account_max=2) as gateway:
        async with gateway.reader(bob, "user"), gateway.reader(bob, "user"):
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with gateway.socket(additional_headers=bob.headers):
                    pass
            assert refused.value.response.status_code == 429
            assert refused.value.response.headers["Retry-After"] == "30"
            async with gateway.reader(alice, "user"):
                pass
        await until(lambda: len(gateway.hub) == 0)
        async with gateway.reader(bob, "user"):
            pass


async def test_a_session_revoked_while_it_is_let_in_is_refused(
    world: World, gateway: Gateway, people: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bob = people
    watch = gateway.context.inbox.watch

    async def revoking_watch(account_ids: list[int]) -> Any:
        gateway.hub.close_sessions([bob.session_id])
        return await watch(account_ids)

    monkeypatch.setattr(gateway.context.inbox, "watch", revoking_watch)
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with gateway.socket("?stream=user", additional_headers=bob.headers):
            pass
    assert refused.value.response.status_code == 401
    await until(lambda: len(gateway.hub) == 0)


async def test_shards_that_do_not_answer_refuse_streams_for_now(
    world: World, gateway: Gateway, people: list[Person]
) -> None:
    _, bob = people
    await world.context.feeds.stop()  # type: ignore[attr-defined]
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with gateway.socket("?stream=user", additional_headers=bob.headers):
            pass
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["Retry-After"]


@pytest.mark.parametrize(
    ("message", "close"),
    [(b"binary", BINARY), ("x" * 5000, TOO_LARGE)],
)
async def test_messages_that_no_client_sends_end_the_conversation(
    gateway: Gateway, message: str | bytes, close: Any
) -> None:
    async with gateway.socket() as connection:
        await connection.send(message)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await connection.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == close.code


async def test_a_client_that_talks_without_end_is_cut_off(gateway: Gateway) -> None:
    async with gateway.socket() as connection:
        with pytest.raises(websockets.ConnectionClosed) as closed:
            for number in range(1000):
                kind = "subscribe" if number % 2 else "unsubscribe"
                await connection.send(json.dumps({"type": kind, "stream": "public"}))
            await connection.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == TOO_MANY_MESSAGES.code
