"""From nothing to a server that answers, step by step; then watch until told to stop, leaving nothing.

Steps that do not need each other run beside each other: Postgres, the schema and Valkey while Ray starts, the
shards while Serve starts.
"""

import os
import secrets
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal, TypeVar

from cluster.settings import Settings
from deployments import instance, ports
from deployments.driver import Plan
from deployments.driver_process import DriverProcess
from deployments.environment import Seed, is_embedded_postgres, is_embedded_valkey, with_secrets
from deployments.head import ingress_of
from deployments.home import Home
from deployments.postgres import EmbeddedPostgres
from deployments.processes import adopt_orphans, bury_orphans, end_leftovers
from deployments.report import Report
from deployments.steps import Steps
from deployments.valkey import EmbeddedValkey
from deployments.watch import Watch, wait_for_answer

T = TypeVar("T")


class Up:
    """One run of one home, from the first step to the last process."""

    def __init__(self, settings: Settings, *, home: Home, seed: Seed, report: Report) -> None:
        self._settings = settings
        self._home = home
        self._seed = seed
        self._report = report
        self._steps = Steps(report)
        self._postgres = EmbeddedPostgres(home) if is_embedded_postgres(settings, home) else None
        self._valkey = EmbeddedValkey(home) if is_embedded_valkey(settings, home) else None
        self._driver: DriverProcess

    def run(self) -> int:
        """Start, watch, stop. Returns the exit code. Raises SetupError when a step cannot be done."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _interrupt)
        adopt_orphans()
        ours = False
        try:
            with self._steps.step("home") as say:
                self._home.prepare()
                self._home.lock()
                ours = True
                say(self._prepare())
            self._start()
            watch = Watch(driver=self._driver, postgres=self._postgres, valkey=self._valkey)
            watch.until_it_fails(self._report)
            return 1
        except KeyboardInterrupt:
            self._report.say("stopping")
            return 0
        finally:
            if ours:
                self._stop()

    def _prepare(self) -> str:
        left = end_leftovers(self._home)
        self._reserved = ports.reserve_api_port(self._settings.web.host, self._settings.web.port)
        self._ports = ports.choose(self._home)
        self._settings = with_secrets(self._settings, self._home)
        secret = secrets.token_hex(16)
        doors = ingress_of(self._settings, home=self._home, secret=secret)
        doors.write(self._home.haproxy / "ingress.json")
        self._driver = DriverProcess(
            Plan(self._settings, home=self._home, ports=self._ports, secret=secret, seed=self._seed)
        )
        self._publish("starting")
        return f"{self._home.root}" + (f", ended {left} leftovers of a former run" if left else "")

    def _start(self) -> None:
        self._driver.start()
        with ThreadPoolExecutor(max_workers=2, thread_name_prefix="start") as beside:
            for started in (beside.submit(self._start_valkey), beside.submit(self._start_database)):
                _result(started)
        self._driver.go_on()
        told = self._driver.follow(self._steps, self._report)
        with self._steps.step("answer") as say:
            wait_for_answer(f"{self._settings.local_url}/readyz")
            self._reserved.close()
            say(self._settings.public_url)
        facts = self._facts(told["logins"])
        self._publish("ready")
        self._report.ready(facts)

    def _start_database(self) -> None:
        if self._postgres is not None:
            with self._steps.step("Postgres"):
                self._postgres.start()
        with self._steps.step("schema") as say:
            from db.migrate import migrate

            ran = migrate(self._settings.postgres.url)
            say(f"{len(ran)} migrations" if ran else "up to date")

    def _start_valkey(self) -> None:
        if self._valkey is not None:
            with self._steps.step("Valkey"):
                self._valkey.start()

    def _stop(self) -> None:
        began = time.monotonic()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if hasattr(self, "_driver"):
            self._driver.stop()
        if self._valkey is not None:
            self._valkey.stop()
        if self._postgres is not None:
            self._postgres.stop()
        end_leftovers(self._home)
        bury_orphans()
        self._home.instance.unlink(missing_ok=True)
        self._report.say(f"stopped after {time.monotonic() - began:.1f} s")

    def _publish(self, state: Literal["starting", "ready"]) -> None:
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
            seconds=self._steps.seconds,
            steps=dict(self._steps.taken),
        ).write(self._home)

    def _facts(self, logins: list[dict[str, str]]) -> dict[str, Any]:
        return {
            "url": self._settings.local_url,
            "public_url": self._settings.public_url,
            "home": str(self._home.root),
            "pid": os.getpid(),
            "seconds": self._steps.seconds,
            "steps": self._steps.taken,
            "logins": logins,
            "log": str(self._home.logs / "up.log"),
        }


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _result(future: "Future[T]") -> T:
    """The future's result; lets signals in while waiting."""
    while not future.done():
        time.sleep(0.02)
    return future.result()
