"""The process that is Ray's driver: starts the node, the shards and Serve, and stays. The supervisor's child.

Apart from it, because Ray ends a driver at once, without any clean-up, when its raylet dies. Reads a pickled
`Plan` from standard input, then one line when the database may be used; writes JSON lines.
"""

import contextlib
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO

from cluster.errors import SocialFlowError
from cluster.settings import Settings
from deployments.environment import Seed
from deployments.head import Head
from deployments.home import Home
from deployments.ports import Ports
from deployments.processes import end_with_parent
from deployments.report import JsonReport, last_telling_line, own_terminal
from deployments.steps import Steps

CHECK_S = 0.5
HANGING_CHECK_S = 10.0  # one cheap call to every shard
SERVE_STOP_S_MAX = 10.0


@dataclass(frozen=True)
class Plan:
    """What the supervisor wants to run."""

    settings: Settings
    home: Home
    ports: Ports
    secret: str
    seed: Seed


def main() -> None:
    """Run until told to stop by SIGTERM, which also comes when the supervisor dies."""
    end_with_parent()
    plan: Plan = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent wrote it
    with own_terminal(plan.home.logs / "up.log") as out:
        code = _run(plan, JsonReport(out), sys.stdin.buffer)
        for stream in (sys.stdout, sys.stderr, out):
            stream.flush()
    os._exit(code)  # Ray's threads and ours may be waiting for what is gone


def _run(plan: Plan, report: JsonReport, go: IO[bytes]) -> int:
    head = Head(plan.home, plan.ports)
    serving = threading.Event()
    try:
        _handle_signals()
        logins = _start(plan, head, Steps(report), go=go, serving=serving)
        report.ready({"logins": logins})
        threading.Thread(target=_replace_hanging, args=(plan.settings, report), daemon=True).start()
        while not (dead := head.dead()):
            time.sleep(CHECK_S)
        report.say(f"Ray's {', '.join(dead)} died")
        head.abandon()
        serving.clear()
        return 1
    except KeyboardInterrupt:
        return 0
    except SocialFlowError as error:
        report.failed(str(error), code=2)
        return 2
    except Exception as error:
        traceback.print_exc()  # to the log
        report.failed(f"{type(error).__name__}: {last_telling_line(error)}", code=1)
        return 1
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if serving.is_set():
            _at_most(SERVE_STOP_S_MAX, _stop_serve)
        head.stop()


def _start(
    plan: Plan, head: Head, steps: Steps, *, go: IO[bytes], serving: threading.Event
) -> list[dict[str, str]]:
    with steps.step("Ray") as say:
        say(head.start())
        _handle_signals()  # Ray has set handlers of its own
    if not go.readline():
        raise KeyboardInterrupt  # the supervisor gave up
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="shards") as beside:
        shards = beside.submit(_start_shards, plan.settings, steps)
        with steps.step("Serve") as say:
            from deployments.graph import run_applications, start_serve

            serving.set()
            start_serve(plan.settings)
            run_applications(plan.settings, secret=plan.secret)
            say("API, streaming, HAProxy")
        _wait(shards)
    if plan.seed == "none":
        return []
    with steps.step("demo world") as say:
        from deployments.seed import seed

        logins = seed(plan.settings, plan.home)
        fresh = "twelve people" if logins and "password" in logins[0] else "as it was"
        say(fresh if logins else "its logins are refused where others can reach this server")
    return logins


def _start_shards(settings: Settings, steps: Steps) -> None:
    with steps.step("shards") as say:
        from deployments.shards import start_shards

        say(start_shards(settings))


def _replace_hanging(settings: Settings, report: JsonReport) -> None:
    """Ray starts dead shards again, but never notices one that is merely frozen."""
    from deployments.shards import replace_hanging

    while True:
        time.sleep(HANGING_CHECK_S)
        with contextlib.suppress(SocialFlowError):
            for name in replace_hanging(settings):
                report.say(f"shard {name} answered nobody: replaced")


def _wait(future: "Future[None]") -> None:
    """The future's result; lets signals in while waiting."""
    while not future.done():
        time.sleep(0.02)
    future.result()


def _handle_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _stop_serve() -> None:
    from ray import serve

    serve.shutdown()  # type: ignore[no-untyped-call]


def _at_most(seconds: float, work: Callable[[], None]) -> None:
    """Run a part of the shutdown that may hang when what it talks to is already dead."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)


if __name__ == "__main__":
    main()
