"""The stream bench counts what it should, on a small scale."""

import asyncio

import pytest

from cluster.errors import SetupError
from deployments.bench import stream
from deployments.bench.base import Options, Target
from deployments.bench.client import Address
from deployments.home import Home
from tests.api.conftest import LiveServer


async def test_the_stream_bench_measures_and_removes_what_it_made(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SOCKETS", (3, 5))
    monkeypatch.setattr(stream, "PACE_S", {3: 0.05, 5: 0.05})
    context = live_server.world.context
    target = Target(
        live_server.url, context.settings, Home(context.settings.home), throw_away=True, context=context
    )
    measuring = asyncio.run_coroutine_threadsafe(stream.run(target, Options(seconds=0.5)), live_server.loop)
    result = await asyncio.wrap_future(measuring)
    assert result.figures["sockets_5_deliveries_per_s"] > 10
    assert 0 < result.figures["p50_ms"] <= result.figures["p99_ms"] < 5_000
    assert result.baseline["deliveries_per_s"] > result.figures["deliveries_per_s"]

    async def left() -> int:
        async with context.pool.connection() as conn:
            return int(await conn.fetchval("SELECT count(*) FROM accounts"))

    assert live_server.run(left()) == 0


async def test_frames_that_never_come_are_no_figure(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SILENCE_S", 0.3)
    fan = live_server.run(live_server.world.person("lonely"))
    async with stream.swarm(Address.of(live_server.url), tokens=[fan.token], timed=False) as readers:
        with pytest.raises(SetupError, match="never arrived"):
            await readers.drain(1)
    with pytest.raises(SetupError, match="could not be opened"):
        async with stream.swarm(Address.of(live_server.url), tokens=["forged"], timed=False):
            pass
