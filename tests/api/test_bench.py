"""The yardstick and the load client of benches: fixed bytes only where asked for, and right figures."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx

from api.app import create_app
from deployments.bench.client import Address, drive, load, repeat, request_bytes
from tests.api.world import World, client_for

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
BAD = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


async def test_the_static_route_exists_only_where_a_setting_asks_for_it(
    client: httpx.AsyncClient, world: World
) -> None:
    assert (await client.get("/api/flow/v1/bench/static")).status_code == 404
    settings = world.context.settings
    on = settings.model_copy(update={"bench": settings.bench.model_copy(update={"static_route": True})})
    world.context.settings = on
    async with client_for(create_app(world.context), on) as measured:
        for length in (2, 2_000, 40_000):
            response = await measured.get("/api/flow/v1/bench/static", params={"bytes": length})
            assert (response.status_code, len(response.content)) == (200, length)
        for asked in ("-1", "99999999999"):
            response = await measured.get("/api/flow/v1/bench/static", params={"bytes": asked})
            assert len(response.content) <= 2**20
        assert (await measured.get("/api/flow/v1/bench/static", params={"bytes": "x"})).status_code == 422


@asynccontextmanager
async def server(answer: Callable[[bytes], bytes], delay_s: float = 0.001) -> AsyncIterator[Address]:
    """Answers each request with what `answer` makes of it, in two pieces; nothing closes the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                request = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                writer.close()
                return
            await asyncio.sleep(delay_s)
            given = answer(request)
            writer.write(given[:30])
            await asyncio.sleep(0)
            writer.write(given[30:])
            if not given:
                writer.close()
                return

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield Address("127.0.0.1", listening.sockets[0].getsockname()[1])


def get(path: str, address: Address) -> bytes:
    return request_bytes(path, address=address, token="secret")


async def test_answers_are_counted_by_status_with_their_latencies() -> None:
    seen: set[bytes] = set()

    def answer(request: bytes) -> bytes:
        seen.add(request.split(b" ")[1])
        assert b"Authorization: Bearer secret" in request
        return BAD if b"/bad" in request else OK

    async with server(answer, delay_s=0.01) as address:
        sources = [repeat([get("/a", address), get("/bad", address)], start=number) for number in range(4)]
        measured = await drive(address, sources=sources, seconds=0.3)
    assert seen == {b"/a", b"/bad"}
    assert measured.statuses[200] == measured.answered
    assert measured.statuses[503] == measured.failed
    assert abs(measured.answered - measured.failed) <= 4
    assert measured.body_bytes == 5 * measured.answered
    assert 10 <= measured.percentile_ms(0.5) <= measured.percentile_ms(0.99) < 300
    assert 20 < measured.per_second < 4 * 100


async def test_connections_that_end_are_failures() -> None:
    async with server(lambda _request: b"") as address:
        measured = await drive(address, sources=[repeat([get("/", address)])] * 3, seconds=0.1)
    assert (measured.answered, measured.failed) == (0, 3)


async def test_the_load_process_reports_what_it_saw() -> None:
    async with server(lambda _request: OK) as address:
        measured = await load(address, requests=[[get("/", address)]] * 2, seconds=0.2, warm_seconds=0.05)
    assert measured.answered > 10
    assert measured.failed == 0
    assert measured.percentile_ms(0.99) >= measured.percentile_ms(0.5) >= 1
