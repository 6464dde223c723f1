"""The command line as people use it: processes, exit codes, and nothing left behind."""

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from deployments.home import Home
from deployments.processes import leftovers

COMMAND_S_MAX = 110
SOCIALFLOW = Path(sys.executable).parent / "socialflow"


@dataclass
class Machine:
    """One home and what runs in it."""

    home: Home
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    started: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """A command on this home."""
        done = subprocess.run(
            [SOCIALFLOW, *arguments, "--home", str(self.home.root)],
            capture_output=True,
            text=True,
            timeout=COMMAND_S_MAX,
            env=os.environ | self.environment,
            cwd="/",
        )
        assert not check or done.returncode == 0, (
            f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done

    def up(self, *arguments: str) -> dict[str, Any]:
        """Start and wait; what `--json` says."""
        done = self.run("up", "--port", str(self.port), "--detach", "--json", *arguments)
        self.started = json.loads(done.stdout)
        return self.started

    def down(self) -> None:
        self.run("down")

    def processes(self) -> list[str]:
        """What of this home is alive."""
        return [f"{process.pid} {process.name()}" for process in leftovers(self.home)]

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=20, **options)

    def remove(self) -> None:
        self.run("down", check=False)
        for folder in (self.home.root, self.home.run):
            shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def make_machine(folder: Path, **environment: str) -> Machine:
    return Machine(Home(folder), free_port(), environment)
