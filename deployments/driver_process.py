"""The supervisor's handle of the driver process: start it, let it go on, follow what it says, end it."""

import json
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, Any

from cluster.errors import DependencyFailed, SetupError
from deployments.driver import Plan
from deployments.head import server_variables
from deployments.processes import end_leftovers_of_ray
from deployments.report import Report
from deployments.steps import Steps

STOP_S_MAX = 25.0  # Serve 10 s, Ray's own processes 10 s

Line = dict[str, Any]


class DriverProcess:
    """One run of `deployments.driver`. Start it in the main thread: it dies with the thread that made it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.SimpleQueue[Line | None] = queue.SimpleQueue()

    def start(self) -> None:
        """Begin with Ray itself, which needs no database."""
        plan = self._plan
        with (plan.home.logs / "up.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "deployments.driver"],
                env=os.environ | server_variables(plan.settings, home=plan.home, ports=plan.ports),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=plan.home.root,  # Ray's workers put the current folder on their path: this has no code
                start_new_session=True,  # Ctrl-C at the terminal is the supervisor's business
            )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(pickle.dumps(plan))
        process.stdin.flush()
        self._process = process
        self._lines = queue.SimpleQueue()
        reader = threading.Thread(target=_read, args=(process.stdout, self._lines.put), daemon=True)
        reader.start()

    def go_on(self) -> None:
        """Tell it that the database may be used."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()

    def follow(self, steps: Steps, report: Report) -> Line:
        """Report its steps; what it says when it is ready. Raises SetupError with its reason otherwise."""
        while (line := self._next()) is not None:
            if "ready" in line:
                return dict(line["ready"])
            self._tell(line, steps, report)
        raise DependencyFailed("Ray's driver ended without giving a reason")

    def poll(self, report: Report) -> bool:
        """Report what it said meanwhile; whether it still runs."""
        while not self._lines.empty():
            line = self._lines.get()
            if line is not None and "say" in line:
                report.say(line["say"])
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it, and whatever of Ray outlived it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        end_leftovers_of_ray(self._plan.home)

    def _next(self) -> Line | None:
        while True:
            try:
                return self._lines.get(timeout=0.2)  # short, so that Ctrl-C is heard
            except queue.Empty:
                continue

    def _tell(self, line: Line, steps: Steps, report: Report) -> None:
        if "step" in line:
            steps.record(line["step"], seconds=line["seconds"], note=line["note"])
        elif "error" in line:
            raise SetupError(line["error"]) if line["code"] == 2 else DependencyFailed(line["error"])
        elif "say" in line:
            report.say(line["say"])


def _read(out: IO[bytes], put: Callable[[Line | None], None]) -> None:
    for line in out:
        put(json.loads(line))
    put(None)
