"""Many websockets in a process of its own that cost as little as possible: frames are counted, not decoded.

`python -m deployments.bench.sockets` reads one JSON line with what to open, answers `{"connected": n}`, and
then `{"frames": n, "arrivals": [...]}` for each line that it reads, starting from nothing again.
"""

import asyncio
import base64
import json
import os
import sys
import time
from dataclasses import dataclass, field
from typing import Any, cast

CONNECT_AT_ONCE = 50  # a listen queue has 128 places or more
READY_S = 60.0
_MARK = b'\\"id\\":\\"'  # the first member of a status, inside the payload's string


@dataclass(slots=True)
class Tally:
    """What all sockets saw. `arrivals`: (status id, monotonic seconds) of each frame, when `timed`."""

    timed: bool
    frames: int = 0
    lost: int = 0
    arrivals: list[tuple[int, float]] = field(default_factory=list)

    def take(self) -> dict[str, Any]:
        """The figures since the last call."""
        taken = {"frames": self.frames, "lost": self.lost, "arrivals": self.arrivals}
        self.frames, self.lost, self.arrivals = 0, 0, []
        return taken


class _Socket(asyncio.Protocol):
    """One websocket: the opening handshake, then frames by their lengths alone."""

    def __init__(self, tally: Tally, *, host: str, path: str, token: str) -> None:
        self.opened = asyncio.get_running_loop().create_future()
        self._tally = tally
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n"
        ).encode()
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        if not self.opened.done():
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._rest = data
                return
            if b" 101 " not in data[:16]:
                self.opened.set_exception(ConnectionError(data[:500].decode("latin-1")))
                return
            self.opened.set_result(None)
            data = data[end + 4 :]
        self._rest = data[self._count(data) :]

    def _count(self, data: bytes) -> int:
        """Count complete frames; where the rest begins."""
        tally, position, size = self._tally, 0, len(data)
        while size - position >= 2:
            length, start = data[position + 1], position + 2
            if length == 126:
                length, start = int.from_bytes(data[start : start + 2], "big"), start + 2
            elif length == 127:
                length, start = int.from_bytes(data[start : start + 8], "big"), start + 8
            if start + length > size:
                break
            if data[position] == 0x81:
                tally.frames += 1
                if tally.timed:
                    mark = data.find(_MARK, start) + len(_MARK)
                    tally.arrivals.append((int(data[mark : data.index(b"\\", mark)]), time.monotonic()))
            elif data[position] == 0x89:  # a ping: its pong, masked with zeros
                self._transport.write(
                    b"\x8a" + bytes([0x80 | length]) + b"\0\0\0\0" + data[start : start + length]
                )
            position = start + length
        return position

    def connection_lost(self, exc: Exception | None) -> None:
        self._tally.lost += 1
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("closed while opening"))


async def open_sockets(wish: dict[str, Any], tally: Tally) -> None:
    """Open one websocket for every token. Raises ConnectionError with the server's answer."""
    loop = asyncio.get_running_loop()
    places = asyncio.Semaphore(CONNECT_AT_ONCE)

    async def open_one(token: str) -> None:
        async with places:
            _, protocol = await loop.create_connection(
                lambda: _Socket(tally, host=wish["host"], path=wish["path"], token=token),
                wish["host"],
                wish["port"],
            )
            await protocol.opened

    async with asyncio.timeout(READY_S):
        await asyncio.gather(*(open_one(token) for token in wish["tokens"]))


async def main() -> None:
    """Open the sockets, then answer every line with a tally."""
    reader = asyncio.StreamReader(limit=2**26)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    wish = json.loads(await reader.readline())
    tally = Tally(timed=wish["timed"])
    await open_sockets(wish, tally)
    _say({"connected": len(wish["tokens"])})
    while await reader.readline():
        _say(tally.take())


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
