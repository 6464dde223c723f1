"""Connections, subscriptions and send queues, with clients that a test plays by hand."""

import asyncio
from typing import Any

import orjson
import pytest

from api.close_codes import NEWS_LOST, REVOKED, SLOW_READER
from api.frames import Frames
from api.hub import Connection, Hub, Stream
from cluster.errors import InvalidInput, RateLimited
from cluster.settings import Streaming

HOME = Stream(("user",), ("user",), (("home", 1), ("notifications", 1)))
PUBLIC = Stream(("public",), ("public",), (("public", ""),))


class Client:
    """Takes what is sent; `full` makes sending wait, `gone` makes it fail."""

    def __init__(self, hub: Hub, *, owner: int = 1, websocket: bool = True, session_id: int = 0) -> None:
        self.messages: list[Any] = []
        self.room = asyncio.Event()
        self.room.set()
        self.gone = False
        self.finished = 0
        self.connection: Connection = hub.connect(
            self._send,
            finish=self._finish,
            websocket=websocket,
            owner=owner,
            account_id=owner,
            session_id=session_id,
        )
        self.connection.accepted = True

    async def _send(self, message: Any) -> None:
        await self.room.wait()
        if self.gone:
            raise OSError("the client went away")
        self.messages.append(message)

    def _finish(self) -> None:
        self.finished += 1

    @property
    def events(self) -> list[Any]:
        return [orjson.loads(m["text"])["payload"] for m in self.messages if m["type"] == "websocket.send"]


@pytest.fixture
def hub() -> Hub:
    return Hub(Streaming(send_queue_max=3, subscriptions_max=2, sockets_per_account_max=2))


def tell(hub: Hub, kind: str, key: int | str, *payloads: str) -> None:
    for payload in payloads:
        frames = Frames("update", payload.encode())
        for subscription in hub.readers(kind).get(key, ()):
            subscription.push(frames)


async def test_an_event_is_sent_at_once_and_shared(hub: Hub) -> None:
    clients = [Client(hub, owner=1), Client(hub, owner=2)]
    for client in clients:
        hub.subscribe(client.connection, PUBLIC)
    tell(hub, "public", "", "1")
    assert [client.events for client in clients] == [["1"], ["1"]]  # without giving the loop a turn
    assert clients[0].messages[0] is clients[1].messages[0]


async def test_one_event_has_the_name_that_each_reader_gave_the_stream(hub: Hub) -> None:
    client, other = Client(hub), Client(hub, websocket=False)
    for label, reader in ((("hashtag", "Cats"), client), (("hashtag", "cats"), other)):
        hub.subscribe(reader.connection, Stream(("hashtag", "cats"), label, (("tag", "cats"),)))
    tell(hub, "tag", "cats", '{"id":"1"}')
    assert orjson.loads(client.messages[0]["text"]) == {
        "stream": ["hashtag", "Cats"],
        "event": "update",
        "payload": '{"id":"1"}',
    }
    assert other.messages[0]["body"] == b'event: update\ndata: {"id":"1"}\n\n'


async def test_an_event_without_payload_has_none(hub: Hub) -> None:
    client, other = Client(hub), Client(hub, websocket=False)
    frames = Frames("filters_changed", None)
    for reader in (client, other):
        hub.subscribe(reader.connection, HOME)
    for subscription in hub.readers("home")[1]:
        subscription.push(frames)
    assert orjson.loads(client.messages[0]["text"]) == {"stream": ["user"], "event": "filters_changed"}
    assert other.messages[0]["body"] == b"event: filters_changed\ndata: undefined\n\n"


async def test_what_a_slow_reader_missed_follows_in_order(hub: Hub) -> None:
    client = Client(hub)
    hub.subscribe(client.connection, PUBLIC)
    client.room.clear()
    tell(hub, "public", "", "1", "2", "3")
    assert client.events == []
    client.room.set()
    await asyncio.sleep(0)
    tell(hub, "public", "", "4")
    await asyncio.sleep(0.01)
    tell(hub, "public", "", "5")
    assert client.events == ["1", "2", "3", "4", "5"]


async def test_a_reader_who_stays_behind_is_told_to_come_back(hub: Hub) -> None:
    slow, quick = Client(hub, owner=1), Client(hub, owner=2)
    for client in (slow, quick):
        hub.subscribe(client.connection, PUBLIC)
    slow.room.clear()
    tell(hub, "public", "", *"12345678")
    assert len(quick.events) == 8
    slow.room.set()
    await asyncio.sleep(0.01)
    assert slow.events == ["1"]  # what was being sent; then nothing but the reason
    assert slow.messages[-1] == {
        "type": "websocket.close",
        "code": SLOW_READER.code,
        "reason": SLOW_READER.reason,
    }
    tell(hub, "public", "", "9")
    assert len(slow.messages) == 2


async def test_a_reader_who_never_reads_again_is_finished(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.hub.CLOSE_TIMEOUT_S", 0.02)
    client = Client(hub)
    hub.subscribe(client.connection, PUBLIC)
    client.room.clear()
    tell(hub, "public", "", *"12345")
    await asyncio.sleep(0.05)
    assert client.finished == 1
    hub.disconnect(client.connection)
    await asyncio.sleep(0)
    assert len(hub) == 0
    assert client.connection._sending is None


async def test_a_client_that_vanishes_while_sending_harms_nobody(hub: Hub) -> None:
    gone, other = Client(hub, owner=1), Client(hub, owner=2)
    for client in (gone, other):
        hub.subscribe(client.connection, PUBLIC)
    gone.gone = True
    tell(hub, "public", "", "1")
    gone.room.clear()
    tell(hub, "public", "", "2", "3")
    gone.room.set()
    await asyncio.sleep(0.01)
    assert other.events == ["1", "2", "3"]


async def test_topics_without_readers_leave_nothing_behind(hub: Hub) -> None:
    client = Client(hub)
    hub.subscribe(client.connection, HOME)
    hub.subscribe(client.connection, HOME)
    hub.subscribe(client.connection, PUBLIC)
    hub.unsubscribe(client.connection, PUBLIC)
    hub.unsubscribe(client.connection, PUBLIC)
    assert not hub.readers("public")
    hub.disconnect(client.connection)
    hub.disconnect(client.connection)
    assert not any(hub.readers(kind) for kind in ("home", "notifications", "public"))
    assert len(hub) == 0
    hub.subscribe(client.connection, PUBLIC)  # came too late
    assert not hub.readers("public")


async def test_bounds_on_subscriptions_and_connections(hub: Hub) -> None:
    clients = [Client(hub), Client(hub)]
    with pytest.raises(RateLimited):
        Client(hub)
    Client(hub, owner=2)
    hub.disconnect(clients[0].connection)
    Client(hub)
    hub.subscribe(clients[1].connection, HOME)
    hub.subscribe(clients[1].connection, PUBLIC)
    with pytest.raises(InvalidInput):
        hub.subscribe(clients[1].connection, Stream(("direct",), ("direct",), (("direct", 1),)))


async def test_a_revoked_session_loses_its_connections_and_no_other(hub: Hub) -> None:
    ended, other = Client(hub, session_id=7), Client(hub, session_id=8)
    pending = Client(hub, owner=2, session_id=7)
    pending.connection.accepted = False
    hub.close_sessions([7, 99])
    await asyncio.sleep(0)
    assert [message["code"] for message in ended.messages] == [REVOKED.code]
    assert other.messages == []
    assert pending.messages == []  # refused instead, before it is accepted
    assert pending.connection.closing is REVOKED


async def test_server_sent_events_end_by_ending(hub: Hub) -> None:
    client = Client(hub, websocket=False)
    hub.heartbeat()
    hub.close(client.connection, NEWS_LOST)
    await asyncio.sleep(0)
    assert [message["body"] for message in client.messages] == [b":thump\n", b""]
    assert client.messages[-1]["more_body"] is False
    assert client.finished == 1
