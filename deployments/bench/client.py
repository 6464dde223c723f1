"""A load client that costs little: raw HTTP/1.1 over keep-alive sockets, one request in flight on each.

It shares the machine with what it measures, so it parses only what it must: the status, the length, the end.
`python -m deployments.bench.client` is the same in a process of its own: one JSON line in, one out (`load`).
"""

import asyncio
import json
import sys
import time
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

Source = Callable[[], bytes]
"""Gives the bytes of the next request on one connection."""

CONNECT_S_MAX = 5.0
DRAIN_S_MAX = 10.0  # for answers that are still under way when the time is up


@dataclass(slots=True)
class Measured:
    """What a run saw. Latencies are seconds, of answers with status 200-299."""

    seconds: float = 0.0
    body_bytes: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: "array[float]" = field(default_factory=lambda: array("d"))

    @property
    def answered(self) -> int:
        """Answers with status 200-299."""
        return len(self.latencies)

    @property
    def failed(self) -> int:
        """All other answers, and connections that ended early (as status 0)."""
        return sum(self.statuses.values()) - self.answered

    @property
    def per_second(self) -> float:
        """Good answers a second."""
        return self.answered / self.seconds if self.seconds else 0.0

    def percentile_ms(self, share: float) -> float:
        """The latency that `share` (0 to 1) of the good answers did not exceed, in milliseconds."""
        if not self.latencies:
            return 0.0
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Address":
        """The address in a base URL."""
        parts = urlsplit(url)
        return cls(parts.hostname or "127.0.0.1", parts.port or (443 if parts.scheme == "https" else 80))


def request_bytes(
    path: str,
    *,
    address: Address,
    token: str | None = None,
    method: str = "GET",
    body: bytes = b"",
    headers: Sequence[tuple[str, str]] = (),
) -> bytes:
    """One HTTP/1.1 request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {address.host}:{address.port}"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method != "GET":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class _Connection(asyncio.Protocol):
    """Sends the next request when the last answer is complete, until told to stop."""

    def __init__(self, source: Source, measured: Measured) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self.stopping = False
        self._source = source
        self._measured = measured
        self._head = b""
        self._status = 0
        self._left = -1  # bytes of the body that are still to come; -1: reading the head
        self._sent_at = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            head, data, self._head = self._head[:end], self._head[end + 4 :], b""
            self._status = int(head[9:12])
            self._left = _length(head)
            self._measured.body_bytes += self._left
        self._left -= len(data)
        if self._left <= 0:
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.stopping:
            self._measured.statuses[0] += 1
        if not self.done.done():
            self.done.set_result(None)

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._source())

    def _finish(self) -> None:
        self._left = -1
        self._measured.statuses[self._status] += 1
        if 200 <= self._status < 300:
            self._measured.latencies.append(time.perf_counter() - self._sent_at)
        if self.stopping:
            self._transport.close()
        else:
            self._send()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError(f"an answer without Content-Length: {head[:200]!r}")


async def drive(address: Address, *, sources: Sequence[Source], seconds: float) -> Measured:
    """Keep one request in flight on each of `len(sources)` connections for `seconds`."""
    measured = Measured()
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    connections: list[_Connection] = []
    for source in sources:

        def make(source: Source = source) -> _Connection:
            return _Connection(source, measured)

        async with asyncio.timeout(CONNECT_S_MAX):
            _, connection = await loop.create_connection(make, address.host, address.port)
        connections.append(connection)
    await asyncio.sleep(max(0.0, seconds - (time.perf_counter() - started)))
    for connection in connections:
        connection.stopping = True
    async with asyncio.timeout(DRAIN_S_MAX):
        await asyncio.wait([connection.done for connection in connections])
    measured.seconds = time.perf_counter() - started
    return measured


async def load(
    address: Address, *, requests: Sequence[Sequence[bytes]], seconds: float, warm_seconds: float = 1.0
) -> Measured:
    """`drive` in another process, on its own event loop: connection by connection, the requests that it goes
    round. What happens in the first `warm_seconds` does not count."""
    wish = {
        "host": address.host,
        "port": address.port,
        "requests": [[request.decode("latin-1") for request in given] for given in requests],
        "seconds": seconds,
        "warm_seconds": warm_seconds,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "deployments.bench.client",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate(json.dumps(wish).encode())
    if process.returncode:
        raise RuntimeError(f"the load client ended with {process.returncode}")
    saw = json.loads(output)
    return Measured(
        seconds=saw["seconds"],
        body_bytes=saw["body_bytes"],
        statuses=Counter({int(status): count for status, count in saw["statuses"].items()}),
        latencies=array("d", saw["latencies"]),
    )


async def _load_here(wish: dict[str, Any]) -> Measured:
    address = Address(wish["host"], wish["port"])
    given = [[request.encode("latin-1") for request in requests] for requests in wish["requests"]]
    for seconds in (wish["warm_seconds"], wish["seconds"]):
        sources = [repeat(requests) for requests in given]
        measured = await drive(address, sources=sources, seconds=seconds)
    return measured


def main() -> None:
    """Read a wish, drive, print what was seen."""
    import uvloop

    measured = uvloop.run(_load_here(json.loads(sys.stdin.readline())))
    saw = {
        "seconds": measured.seconds,
        "body_bytes": measured.body_bytes,
        "statuses": measured.statuses,
        "latencies": list(measured.latencies),
    }
    print(json.dumps(saw))


def repeat(requests: Sequence[bytes], *, start: int = 0) -> Source:
    """A source that goes round these requests, beginning at `start`."""
    position = start - 1

    def next_request() -> bytes:
        nonlocal position
        position = (position + 1) % len(requests)
        return requests[position]

    return next_request


if __name__ == "__main__":
    main()
