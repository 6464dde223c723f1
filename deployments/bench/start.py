"""How long a second start on the same home takes, up to the first 200 of an authenticated home page."""

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from typing import IO

from deployments.bench.base import Options, Result, Target
from deployments.bench.runner import QUIET, start_instance
from deployments.stop import stop

NEEDS_INSTANCE = False
POLL_S = 0.05
PATIENCE_S = 120.0


async def run(target: Target, options: Options) -> Result:
    """Start, make a person, stop, and start again with the clock running."""
    return await asyncio.to_thread(_measure, target)


def _measure(target: Target) -> Result:
    port = target.settings.web.port
    first = start_instance(target.home, port=port, environment=QUIET)
    token = _make_person(target)
    stopping = time.monotonic()
    stop(target.home)
    stop_s = time.monotonic() - stopping
    began = time.monotonic()
    up = subprocess.Popen(
        [
            *(sys.executable, "-m", "deployments.cli", "up", "--seed", "none", "--json"),
            *("--port", str(port), "--home", str(target.home.root)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_for_home_page(target.base_url, token)
        seconds = time.monotonic() - began
        assert up.stdout is not None
        steps = _steps(up.stdout)
    finally:
        stop(target.home)
        up.wait(timeout=30)
    figures = {"seconds": seconds, "stop_seconds": stop_s}
    figures |= {f"step_{name.replace(' ', '_').lower()}_seconds": spent for name, spent in steps.items()}
    did = (
        "the second start on a home, until GET /api/v1/timelines/home answers 200 to a token of the first run"
    )
    return Result("start", figures, {"first_start_seconds": float(first["seconds"])}, did)


def _make_person(target: Target) -> str:
    # In another process: Ray's token differs from home to home and is read once.
    command = [sys.executable, "-m", "deployments.bench.guests", str(target.home.root)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    token: str = json.loads(done.stdout.splitlines()[-1])["token"]
    return token


def _wait_for_home_page(base_url: str, token: str) -> None:
    request = urllib.request.Request(  # noqa: S310 - our own URL
        f"{base_url}/api/v1/timelines/home", headers={"Authorization": f"Bearer {token}"}
    )
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own URL
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(POLL_S)
    raise TimeoutError(f"no home page within {PATIENCE_S:.0f} s")


def _steps(lines: IO[str]) -> dict[str, float]:
    for line in lines:
        told = json.loads(line)
        if "ready" in told:
            return dict(told["ready"]["steps"])
    return {}
