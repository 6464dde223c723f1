"""Watches the processes of a running instance: restarts Postgres and Valkey, notices when Ray has gone."""

import threading
import time
import urllib.error
import urllib.request

from cluster.errors import SetupError
from cluster.settings import Settings
from deployments.head import Head
from deployments.postgres import EmbeddedPostgres
from deployments.processes import end_leftovers_of_postgres
from deployments.report import Report
from deployments.valkey import EmbeddedValkey

INTERVAL_S = 0.5
HANGING_INTERVAL_S = 10.0  # one cheap call to every shard
RESTARTS_MAX = 5  # within RESTARTS_WINDOW_S; more often means that restarting does not help
RESTARTS_WINDOW_S = 60.0
ANSWER_TIMEOUT_S = 60.0


class Watch:
    """What `up` does after the start."""

    def __init__(
        self,
        settings: Settings,
        *,
        head: Head | None,
        postgres: EmbeddedPostgres | None,
        valkey: EmbeddedValkey | None,
    ) -> None:
        self._settings = settings
        self._head = head
        self._postgres = postgres
        self._valkey = valkey
        self._restarts: list[float] = []
        self._stopped = threading.Event()

    def until_stopped(self, report: Report) -> None:
        """Return only when something died that cannot be replaced while the rest runs."""
        threading.Thread(target=self._replace_hanging, args=(report,), daemon=True).start()
        try:
            self._loop(report)
        finally:
            self._stopped.set()

    def _loop(self, report: Report) -> None:
        while True:
            time.sleep(INTERVAL_S)
            if self._head is not None and (dead := self._head.dead()):
                report.say(f"Ray's {', '.join(dead)} died: stopping; start again with `socialflow up`")
                return
            try:
                self._replace_servers(report)
            except SetupError as error:
                report.say(f"{error}: stopping")
                return

    def _replace_hanging(self, report: Report) -> None:
        """Ray starts dead shards again, but never notices one that is merely frozen."""
        from deployments.shards import replace_hanging

        while not self._stopped.wait(HANGING_INTERVAL_S):
            for name in replace_hanging(self._settings):
                report.say(f"shard {name} answered nobody: replaced")

    def _replace_servers(self, report: Report) -> None:
        postgres, valkey = self._postgres, self._valkey
        if postgres is not None and postgres.process is not None and postgres.process.poll() is not None:
            report.say(f"Postgres ended ({_ending(postgres.process.returncode)}): starting it again")
            self._count_restart("Postgres")
            end_leftovers_of_postgres(postgres.home)
            postgres.start()
        if valkey is not None and valkey.process is not None and valkey.process.poll() is not None:
            report.say(f"Valkey ended ({_ending(valkey.process.returncode)}): starting it again")
            self._count_restart("Valkey")
            valkey.start()

    def _count_restart(self, name: str) -> None:
        now = time.monotonic()
        self._restarts = [at for at in self._restarts if now - at < RESTARTS_WINDOW_S] + [now]
        if len(self._restarts) > RESTARTS_MAX:
            raise SetupError(f"{name} ended too often within {RESTARTS_WINDOW_S:.0f} s; its log says why")


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def wait_for_answer(url: str) -> None:
    """Return when the URL answers 200. Raises SetupError after a minute, with the last answer."""
    deadline = time.monotonic() + ANSWER_TIMEOUT_S
    reason = ""
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own URL
                if answer.status == 200:
                    return
        except urllib.error.HTTPError as error:
            reason = f"{error.code} {error.read(500).decode(errors='replace')}"
        except OSError as error:
            reason = str(error)
        time.sleep(0.05)
    raise SetupError(f"{url} did not answer within {ANSWER_TIMEOUT_S:.0f} s: {reason}")
