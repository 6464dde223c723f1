"""Runs benches by name: against the instance of a home, or a throw-away one that is gone afterwards."""

import ast
import asyncio
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from rich.console import Console

from cluster.errors import SetupError
from deployments import bench, instance
from deployments.bench.base import Options, Result, Target, machine
from deployments.environment import load
from deployments.home import Home
from deployments.ports import is_free
from deployments.running import settings_of_running
from deployments.stop import stop

QUIET = {
    "SOCIALFLOW_BENCH__STATIC_ROUTE": "true",  # the yardstick
    "SOCIALFLOW_LIMITS__ENABLED": "false",  # a bench is what rate limits are against
    "SOCIALFLOW_LOG_LEVEL": "warning",
}
LOG_SHOWN = 4_000  # characters of the log of a throw-away instance that did not start
PORTS = range(18800, 18900)


def names() -> list[str]:
    """Every bench there is."""
    found = [info.name for info in iter_modules(bench.__path__)]
    return [name for name in found if any(_is_run(node) for node in _syntax(name).body)]


def _is_run(node: ast.stmt) -> bool:
    return isinstance(node, ast.AsyncFunctionDef) and node.name == "run"


def _syntax(name: str) -> ast.Module:
    """A module read without being imported: it may import Ray, whose environment must be set before."""
    return ast.parse((Path(bench.__path__[0]) / f"{name}.py").read_text())


def _declared(name: str, constant: str, default: Any) -> Any:
    for node in _syntax(name).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == constant:
            return ast.literal_eval(node.value)
    return default


def run_named(name: str, *, home: Path | None, options: Options, as_json: bool) -> int:
    """Run one bench or all and print what they found; the exit code."""
    if name == "list":
        for known in names():
            print(f"{known:<10} {(ast.get_docstring(_syntax(known)) or '').splitlines()[0]}")
        return 0
    if name == "all":
        return max(_run_apart(known, home=home, options=options, as_json=as_json) for known in names())
    if name not in names():
        raise SetupError(f"there is no bench {name!r}: choose one of {', '.join(names())}, or all")
    try:
        result = asyncio.run(_run(name, home=home, options=options))
    except KeyboardInterrupt:
        return 130
    if as_json:
        print(json.dumps(result.as_dict()))
    else:
        _render(result)
    return 0


def _run_apart(name: str, *, home: Path | None, options: Options, as_json: bool) -> int:
    """In a process of its own: Ray reads its environment once, and each instance has another token."""
    command = [sys.executable, "-m", "deployments.cli", "bench", name]
    command += ["--home", str(home)] if home else []
    command += ["--seconds", str(options.seconds)] if options.seconds else []
    command += ["--users", str(options.users)] if options.users else []
    command += ["--json"] if as_json else []
    return subprocess.run(command, check=False).returncode


async def _run(name: str, *, home: Path | None, options: Options) -> Result:
    if not _declared(name, "NEEDS_INSTANCE", True):
        with _folder(home) as place:
            settings, _ = load(home=place.root, port=_free_port(), seed="none")
            target = Target(settings.public_url, settings, place, throw_away=home is None)
            return await _call(name, target, options)
    with _instance(name, home) as found, contextlib.ExitStack() as stack:
        place, throw_away = found
        stack.callback(_forget_ray)
        async with _joined(place, throw_away=throw_away) as target:
            return await _call(name, target, options)


async def _call(name: str, target: Target, options: Options) -> Result:
    result = await import_module(f"deployments.bench.{name}").run(target, options)
    assert isinstance(result, Result)
    return result


@contextlib.asynccontextmanager
async def _joined(home: Home, *, throw_away: bool) -> AsyncIterator[Target]:
    settings, _ = settings_of_running(home.root)
    from deployments.head import join

    await asyncio.to_thread(join, instance.running(home).ray_address)
    from deployments.operator import operator_context

    async with operator_context(settings) as ctx:
        yield Target(settings.local_url, settings, home, throw_away, ctx)


def _forget_ray() -> None:
    if "ray" in sys.modules:
        import ray

        ray.shutdown()


@contextlib.contextmanager
def _instance(name: str, home: Path | None) -> Iterator[tuple[Home, bool]]:
    """The running instance of `home`, or a throw-away one that is gone afterwards."""
    if home is not None:
        _, place = load(home=home)
        instance.running(place)
        yield place, False
        return
    with _folder(None) as place:
        start_instance(place, port=_free_port(), environment=QUIET | _declared(name, "ENVIRONMENT", {}))
        try:
            yield place, True
        finally:
            stop(place)


def start_instance(home: Home, *, port: int, environment: dict[str, str]) -> dict[str, Any]:
    """Start an instance and wait until it answers; what it says about its start. It ends with this process.

    Raises SetupError.
    """
    command = [sys.executable, "-m", "deployments.cli", "up", "--with-parent", "--json", "--seed", "none"]
    command += ["--home", str(home.root), "--port", str(port)]
    child = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    ending: dict[str, Any] = {}
    for line in child.stdout:
        ending = json.loads(line)
        if "ready" in ending or "error" in ending:
            break
    threading.Thread(target=child.stdout.read, daemon=True).start()  # it may say more, to nobody
    if "ready" not in ending:
        child.wait()
        log = home.logs / "up.log"
        sys.stderr.write(log.read_text(errors="replace")[-LOG_SHOWN:] if log.exists() else "")
        raise SetupError(f"the instance to measure did not start: {ending.get('error', 'no reason given')}")
    return dict(ending["ready"])


@contextlib.contextmanager
def _folder(home: Path | None) -> Iterator[Home]:
    if home is not None:
        yield Home(home.expanduser().resolve())
        return
    root = Path(tempfile.mkdtemp(prefix="sf-bench-"))
    place = Home(root)
    try:
        yield place
    finally:
        stop(place)
        for folder in (place.root, place.run):
            shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    for port in random.sample(PORTS, len(PORTS)):  # two benches may start at once
        if is_free("127.0.0.1", port):
            return port
    raise SetupError(f"no port between {PORTS.start} and {PORTS.stop} is free for a bench")


def _render(result: Result) -> None:
    console = Console()
    console.print(f"[bold]{result.bench}[/]  {result.did}", soft_wrap=True)
    for name, value in result.figures.items():
        console.print(f"  {name:<32} {value:>14,.2f}", highlight=False)
    if result.baseline:
        console.print("  beside, in the same run:")
    for name, value in result.baseline.items():
        console.print(f"  {name:<32} {value:>14,.2f}", highlight=False)
    about = machine()
    console.print(f"  on {about['cores']} cores, {about['cpu']}, load {about['load_1m']}", highlight=False)
