"""From nothing to a server that answers, step by step; then watch until told to stop, leaving nothing.

Steps that do not need each other run beside each other: Postgres, the schema and Valkey while Ray starts, the
shards while Serve starts.
"""

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from cluster.settings import Settings
from deployments import instance, ports
from deployments.environment import Seed, is_embedded_postgres, is_embedded_valkey, with_secrets
from deployments.head import Head, ingress_of, server_variables
from deployments.home import Home
from deployments.postgres import EmbeddedPostgres
from deployments.processes import end_leftovers
from deployments.report import Report
from deployments.valkey import EmbeddedValkey
from deployments.watch import Watch, wait_for_answer

T = TypeVar("T")


class Up:
    """One run of one home, from `start` to `stop`."""

    def __init__(self, settings: Settings, *, home: Home, seed: Seed, report: Report) -> None:
        self._settings = settings
        self._home = home
        self._seed = seed
        self._report = report
        self._began = time.monotonic()
        self._steps: dict[str, float] = {}
        self._beside = ThreadPoolExecutor(max_workers=3, thread_name_prefix="start")
        self._postgres = EmbeddedPostgres(home) if is_embedded_postgres(settings, home) else None
        self._valkey = EmbeddedValkey(home) if is_embedded_valkey(settings, home) else None
        self._head: Head | None = None
        self._serving = False
        self._told_to_stop = threading.Event()

    def run(self) -> int:
        """Start, watch, stop. Returns the exit code. Raises SetupError when a step cannot be done."""
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGINT, _interrupt)
        held = False
        try:
            self._prepare()
            held = True
            self._start()
            return self._watch()
        except KeyboardInterrupt:
            return 0
        finally:
            if held:
                self._stop()

    def _prepare(self) -> None:
        with self._step("home") as say:
            self._home.prepare()
            self._home.lock()
            found = end_leftovers(self._home)
            say(f"{self._home.root}" + (f", ended {found} leftovers of a former run" if found else ""))
            ports.check_api_port(self._settings.web.host, self._settings.web.port)
            self._ports = ports.choose(self._home)
            self._settings = with_secrets(self._settings, self._home)
            self._secret = secrets.token_hex(16)
            self._publish("starting")
            os.chdir(self._home.root)  # workers put the current folder on their path; this one holds no code
            doors = ingress_of(self._settings, home=self._home, secret=self._secret)
            doors.write(self._home.haproxy / "ingress.json")
            os.environ.update(server_variables(self._settings, home=self._home, ports=self._ports))

    def _start(self) -> None:
        database = self._beside.submit(self._start_database)
        events = self._beside.submit(self._start_valkey)
        with self._step("Ray") as say:
            self._head = Head(self._home, self._ports)
            say(self._head.start())
            # Ray has set handlers of its own.
            signal.signal(signal.SIGTERM, _interrupt)
            signal.signal(signal.SIGINT, _interrupt)
        _result(events)
        _result(database)
        shards = self._beside.submit(self._start_shards)
        with self._step("Serve") as say:
            from deployments.graph import run_applications, start_serve

            self._serving = True
            start_serve(self._settings)
            run_applications(self._settings, secret=self._secret)
            say("API, streaming, HAProxy")
        _result(shards)
        with self._step("answer") as say:
            wait_for_answer(f"{self._settings.local_url}/readyz")
            say(self._settings.public_url)
        logins = self._seed_world()
        self._publish("ready")
        self._report.ready(self._facts(logins))

    def _start_database(self) -> None:
        if self._postgres is not None:
            with self._step("Postgres"):
                self._postgres.start()
        with self._step("schema") as say:
            from db.migrate import migrate

            ran = migrate(self._settings.postgres.url)
            say(f"{len(ran)} migrations" if ran else "up to date")

    def _start_valkey(self) -> None:
        if self._valkey is not None:
            with self._step("Valkey"):
                self._valkey.start()

    def _start_shards(self) -> None:
        with self._step("shards") as say:
            from deployments.shards import start_shards

            say(start_shards(self._settings))

    def _seed_world(self) -> list[dict[str, str]]:
        if self._seed == "none":
            return []
        with self._step("demo world") as say:
            from deployments.seed import seed

            logins = seed(self._settings, self._home)
            say("twelve people" if logins and "password" in logins[0] else "as it was")
        return logins

    def _watch(self) -> int:
        watch = Watch(self._settings, head=self._head, postgres=self._postgres, valkey=self._valkey)
        try:
            watch.until_stopped(self._report)
        except KeyboardInterrupt:
            self._report.say("stopping")
            return 0
        return 1

    def _stop(self) -> None:
        began = time.monotonic()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if self._serving:
            _at_most(10.0, _stop_serve)
        if self._head is not None:
            _at_most(10.0, self._head.stop)
        self._beside.shutdown(wait=True, cancel_futures=True)
        if self._valkey is not None:
            self._valkey.stop()
        if self._postgres is not None:
            self._postgres.stop()
        end_leftovers(self._home)
        self._home.instance.unlink(missing_ok=True)
        self._report.say(f"stopped after {time.monotonic() - began:.1f} s")

    def _publish(self, state: Any) -> None:
        pid, born = instance.this_process()
        instance.Instance(
            pid=pid,
            born=born,
            host=self._settings.web.host,
            port=self._settings.web.port,
            url=self._settings.local_url,
            public_url=self._settings.web.public_url,
            seed=self._seed,
            state=state,
            ray_address=f"127.0.0.1:{self._ports.ray}",
            ports=self._ports.as_dict(),
            seconds=round(time.monotonic() - self._began, 3),
            steps=dict(self._steps),
        ).write(self._home)

    def _facts(self, logins: list[dict[str, str]]) -> dict[str, Any]:
        return {
            "url": self._settings.local_url,
            "public_url": self._settings.public_url,
            "home": str(self._home.root),
            "pid": os.getpid(),
            "seconds": round(time.monotonic() - self._began, 2),
            "steps": self._steps,
            "logins": logins,
            "log": str(self._home.logs / "up.log"),
        }

    @contextmanager
    def _step(self, name: str) -> Iterator[Callable[[str], None]]:
        began = time.monotonic()
        notes: list[str] = []
        yield notes.append
        self._steps[name] = round(time.monotonic() - began, 3)
        self._report.step(name, seconds=self._steps[name], note=" ".join(notes))


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _result(future: "Future[T]") -> T:
    """The future's result; lets signals in while waiting."""
    while True:
        try:
            return future.result(timeout=0.2)
        except TimeoutError:
            if future.done():
                raise


def _stop_serve() -> None:
    from ray import serve

    serve.shutdown()  # type: ignore[no-untyped-call]


def _at_most(seconds: float, work: Callable[[], None]) -> None:
    """Run a part of the shutdown that may hang when what it talks to is already dead."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
