"""One author, many followers with open websockets: how many deliveries a second, and how late each is.

Posts go in by HTTP. In the flood, a post waits only when more than WINDOW are on their way; paced, they come
at a steady rate, and each frame's age is counted from the moment before its post was sent.
"""

import asyncio
import contextlib
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from api.actions import follows
from api.context import Context
from cluster.errors import SetupError
from db.queries.relations import FollowOptions
from deployments.bench.base import Options, Result, Target
from deployments.bench.client import Address, request_bytes
from deployments.bench.guests import Guest, dismiss, invite
from deployments.ports import is_free

SOCKETS = (100, 1_000)
SECONDS = 8.0  # of one flood and of one paced run
POSTERS = 16  # connections that post at once
WINDOW = 64  # posts on their way in a flood; far below streaming.send_queue_max, or readers were cut off
POLL_S = 0.01
PACE_S = {100: 0.05, 1_000: 0.2}  # between paced posts: 2,000 and 5,000 deliveries a second
SILENCE_S = 3.0  # frames that do not come within this are lost
FOLLOW_AT_ONCE = 8
TEXT = "the quick brown fox jumps over the lazy dog while it is raining on the old town " * 3
LINE_BYTES_MAX = 2**28  # a paced run's arrivals in one line
PATH = "/api/v1/streaming?stream=user"


class Swarm:
    """Websockets in a process of their own (`deployments/bench/sockets.py`)."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.frames = 0
        self.arrivals: list[tuple[int, float]] = []

    async def tell(self, line: dict[str, Any]) -> dict[str, Any]:
        """One line in, one line back."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        answer = await self._process.stdout.readline()
        if not answer:
            raise SetupError("the websockets of the bench could not be opened: see the error above")
        told: dict[str, Any] = json.loads(answer)
        return told

    async def look(self) -> None:
        """Learn how many frames have come."""
        seen = await self.tell({})
        if seen["lost"]:
            raise SetupError(f"{seen['lost']} websockets were closed by the server during the bench")
        self.frames += seen["frames"]
        self.arrivals += [(status_id, at) for status_id, at in seen["arrivals"]]

    async def drain(self, frames: int) -> float:
        """Wait for this many frames in all; when the last came. Raises SetupError when one never does."""
        last = time.monotonic()
        while self.frames < frames:
            before = self.frames
            await asyncio.sleep(POLL_S)
            await self.look()
            now = time.monotonic()
            last = now if self.frames > before else last
            if now - last > SILENCE_S:
                raise SetupError(f"{frames - self.frames} of {frames} deliveries never arrived")
        return last


@asynccontextmanager
async def swarm(address: Address, *, tokens: Sequence[str], timed: bool) -> AsyncIterator[Swarm]:
    """One websocket for each token, connected."""
    async with _process("deployments.bench.sockets") as process:
        opened = Swarm(process)
        wish = {"host": address.host, "port": address.port, "path": PATH, "tokens": list(tokens)}
        await opened.tell(wish | {"timed": timed})
        yield opened


@asynccontextmanager
async def _process(module: str, *arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdin=PIPE, stdout=PIPE, limit=LINE_BYTES_MAX
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class Poster:
    """One connection that posts."""

    def __init__(self, address: Address, token: str) -> None:
        self._address, self._token, self._count = address, token, 0
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self) -> int:
        """Post once; the new status's id. Raises SetupError when it is refused."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._address.host, self._address.port)
        reader, writer = self._streams
        self._count += 1
        body = json.dumps({"status": f"{TEXT} {self._count}"}).encode()
        writer.write(
            request_bytes(
                "/api/v1/statuses", address=self._address, token=self._token, method="POST", body=body
            )
        )
        head = await reader.readuntil(b"\r\n\r\n")
        (length,) = (
            line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        )
        answer = await reader.readexactly(int(length))
        if b" 200 " not in head[:16]:
            raise SetupError(f"a post was refused: {answer[:200]!r}")
        return int(json.loads(answer)["id"])


@asynccontextmanager
async def audience(ctx: Context, *, count: int) -> AsyncIterator[tuple[Guest, list[Guest]]]:
    """An author and followers; gone when the bench is over."""
    (author,) = await invite(ctx, count=1, prefix="author")
    fans = await invite(ctx, count=count, prefix="fan")
    places = asyncio.Semaphore(FOLLOW_AT_ONCE)

    async def follow(fan: Guest) -> None:
        async with places:
            await follows.follow(
                ctx, account_id=fan.account_id, target_id=author.account_id, options=FollowOptions()
            )

    try:
        await asyncio.gather(*(follow(fan) for fan in fans))
        yield author, fans
    finally:
        await dismiss(ctx, [author, *fans])


async def flood(address: Address, author: Guest, fans: Sequence[Guest], *, seconds: float) -> float:
    """Deliveries a second, from the first post to the last frame."""
    async with swarm(address, tokens=[fan.token for fan in fans], timed=False) as readers:
        posted = 0
        began = time.monotonic()

        async def keep_posting(poster: Poster) -> None:
            nonlocal posted
            while time.monotonic() - began < seconds:
                if posted - readers.frames / len(fans) < WINDOW:
                    posted += 1
                    await poster.post()
                else:
                    await asyncio.sleep(POLL_S / 2)

        async def keep_looking() -> None:
            while True:
                await readers.look()
                await asyncio.sleep(POLL_S)

        looking = asyncio.create_task(keep_looking())
        try:
            await asyncio.gather(*(keep_posting(Poster(address, author.token)) for _ in range(POSTERS)))
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        last = await readers.drain(posted * len(fans))
        return readers.frames / (last - began)


async def paced(address: Address, author: Guest, fans: Sequence[Guest], *, seconds: float) -> list[float]:
    """The ages of all frames in milliseconds, in order."""
    pace_s = PACE_S[len(fans)]
    async with swarm(address, tokens=[fan.token for fan in fans], timed=True) as readers:
        poster = Poster(address, author.token)
        sent: dict[int, float] = {}
        began = time.monotonic()
        for number in range(round(seconds / pace_s)):
            await asyncio.sleep(began + number * pace_s - time.monotonic())
            before = time.monotonic()
            sent[await poster.post()] = before
        await readers.drain(len(sent) * len(fans))
    return sorted((at - sent[status_id]) * 1000 for status_id, at in readers.arrivals)


async def loudspeaker(message_bytes: int, *, sockets: int) -> float:
    """Deliveries a second of a server that does nothing but send, to the same kind of clients."""
    port = next(port for port in range(18900, 18999) if is_free("127.0.0.1", port))
    times = 400_000 // sockets
    async with _process("deployments.bench.loudspeaker", str(port)) as server:
        while is_free("127.0.0.1", port):  # noqa: ASYNC110 - another process opens it
            await asyncio.sleep(POLL_S)
        address = Address("127.0.0.1", port)
        async with swarm(address, tokens=["none"] * sockets, timed=False) as readers:
            assert server.stdin is not None
            began = time.monotonic()
            server.stdin.write(json.dumps({"text": "x" * message_bytes, "times": times}).encode() + b"\n")
            last = await readers.drain(times * sockets)
            return times * sockets / (last - began)


async def run(target: Target, options: Options) -> Result:
    """Measure."""
    seconds = options.seconds or SECONDS
    address = Address.of(target.base_url)
    figures: dict[str, float] = {}
    baseline: dict[str, float] = {}
    async with audience(target.ctx, count=max(SOCKETS)) as (author, everybody):
        for count in SOCKETS:
            await flood(address, author, everybody[:count], seconds=1.0)  # warm
            figures[f"sockets_{count}_deliveries_per_s"] = await flood(
                address, author, everybody[:count], seconds=seconds
            )
            ages = await paced(address, author, everybody[:count], seconds=seconds)
            figures[f"sockets_{count}_p50_ms"] = ages[len(ages) // 2]
            figures[f"sockets_{count}_p99_ms"] = ages[int(len(ages) * 0.99)]
            baseline[f"sockets_{count}_deliveries_per_s"] = await loudspeaker(2_000, sockets=count)
    few = SOCKETS[0]
    figures |= {
        "deliveries_per_s": figures[f"sockets_{few}_deliveries_per_s"],
        "p50_ms": figures[f"sockets_{few}_p50_ms"],
        "p99_ms": figures[f"sockets_{few}_p99_ms"],
    }
    baseline["deliveries_per_s"] = baseline[f"sockets_{few}_deliveries_per_s"]
    figures["ratio"] = figures["deliveries_per_s"] / baseline["deliveries_per_s"]
    did = f"posts by HTTP to the websockets of {SOCKETS} followers; beside a server that only sends"
    return Result("stream", figures, baseline, did)
