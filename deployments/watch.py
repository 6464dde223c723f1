"""Watches the processes of a running instance and starts again what died: Postgres, Valkey, or all of Ray."""

import http.client
import time
import urllib.error
import urllib.request

from cluster.errors import SetupError, SocialFlowError
from deployments.driver_process import DriverProcess
from deployments.postgres import EmbeddedPostgres
from deployments.processes import end_leftovers_of_postgres
from deployments.report import Report
from deployments.steps import Steps
from deployments.valkey import EmbeddedValkey

INTERVAL_S = 0.5
RESTARTS_MAX = 5  # within RESTARTS_WINDOW_S; more often means that restarting does not help
RESTARTS_WINDOW_S = 120.0
ANSWER_TIMEOUT_S = 60.0


class Watch:
    """What `up` does after the start."""

    def __init__(
        self, *, driver: DriverProcess, postgres: EmbeddedPostgres | None, valkey: EmbeddedValkey | None
    ) -> None:
        self._driver = driver
        self._postgres = postgres
        self._valkey = valkey
        self._restarts: list[float] = []

    def until_it_fails(self, report: Report) -> None:
        """Return only when starting something again did not help."""
        try:
            while True:
                time.sleep(INTERVAL_S)
                self._look(report)
        except SocialFlowError as error:
            report.say(f"{error}: stopping")

    def _look(self, report: Report) -> None:
        postgres, valkey = self._postgres, self._valkey
        if postgres is not None and (ending := _ending(postgres)):
            self._again("Postgres", ending, report)
            end_leftovers_of_postgres(postgres.home)
            postgres.start()
        if valkey is not None and (ending := _ending(valkey)):
            self._again("Valkey", ending, report)
            valkey.start()
        if not self._driver.poll(report):
            self._again("Ray", "unexpectedly", report)
            self._driver.stop()
            self._driver.start()
            self._driver.go_on()
            self._driver.follow(Steps(report), report)

    def _again(self, name: str, ending: str, report: Report) -> None:
        report.say(f"{name} ended ({ending}): starting it again")
        now = time.monotonic()
        self._restarts = [at for at in self._restarts if now - at < RESTARTS_WINDOW_S] + [now]
        if len(self._restarts) > RESTARTS_MAX:
            raise SetupError(f"{name} ended too often within {RESTARTS_WINDOW_S:.0f} s; its log says why")


def _ending(server: EmbeddedPostgres | EmbeddedValkey) -> str:
    """How its process ended; empty while it runs."""
    if server.process is None or (code := server.process.poll()) is None:
        return ""
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
        except (OSError, http.client.HTTPException) as error:
            reason = str(error)
        time.sleep(0.05)
    raise SetupError(f"{url} did not answer within {ANSWER_TIMEOUT_S:.0f} s: {reason}")
