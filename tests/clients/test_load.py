"""The load test in `loadtests`: it signs people up, they read and post, and it fails when a server does."""

import subprocess
import sys
from pathlib import Path

from tests.api.conftest import LiveServer

LOCUST = Path(sys.executable).with_name("locust")
FILE = Path(__file__).parents[2] / "loadtests" / "locustfile.py"


def load(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [LOCUST, "-f", FILE, "--host", url, "--headless", "--only-summary", "--users", "10"]
    limits = ["--spawn-rate", "10", "--run-time", "6s", "--stop-timeout", "5s"]
    return subprocess.run([*command, *limits, *options], capture_output=True, text=True, timeout=90)


def test_people_sign_up_read_and_post(live_server: LiveServer) -> None:
    done = load(live_server.url, "--p95-ms", "5000")
    assert done.returncode == 0, done.stdout + done.stderr

    async def count() -> tuple[int, int]:
        async with live_server.world.context.pool.connection() as conn:
            people = await conn.fetchval("SELECT count(*) FROM accounts WHERE username LIKE 'load_%'")
            return people, await conn.fetchval("SELECT count(*) FROM statuses")

    people, posts = live_server.run(count())
    assert people == 10
    assert posts > 0


def test_a_server_that_is_too_slow_or_away_fails(live_server: LiveServer) -> None:
    assert load(live_server.url, "--p95-ms", "0").returncode == 1
    assert load("http://127.0.0.1:9").returncode == 1
