"""The folder of one instance: layout, permissions, lock, secrets.

Sockets are in a run folder outside of it: the kernel allows 108 bytes for a socket's path, and Ray and
HAProxy append up to 90, so a home of any length cannot hold them. It is /tmp/sf-<hash of the home>, and only
its owner can enter.
"""

import errno
import fcntl
import os
import secrets
import shutil
import stat
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from cluster.errors import SetupError

RUN_PARENT = Path("/tmp")  # noqa: S108 - short on every machine; the folder below it is checked before use
FREE_BYTES_MIN = (
    512 * 2**20
)  # initdb takes 40 MB, its log files 64 MB, Ray refuses to work on a nearly full disk
SECRET_BYTES = 32


@dataclass(frozen=True)
class Home:
    """Where everything of one instance is. Making the object touches nothing, `prepare` does."""

    root: Path

    @property
    def run(self) -> Path:
        """Sockets and what only lives as long as the instance runs."""
        name = blake2b(f"{os.getuid()}:{self.root}".encode(), digest_size=6).hexdigest()
        return RUN_PARENT / f"sf-{name}"

    @property
    def postgres(self) -> Path:
        """Data of the embedded Postgres."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        """Working folder of the embedded Valkey."""
        return self.root / "valkey"

    @property
    def media(self) -> Path:
        """Uploaded objects, unless S3 is configured."""
        return self.root / "media"

    @property
    def logs(self) -> Path:
        """Logs of the supervisor and of what it starts."""
        return self.root / "logs"

    @property
    def instance(self) -> Path:
        """What runs right now, for the other commands."""
        return self.root / "instance.json"

    @property
    def visitors(self) -> Path:
        """Open in processes that joined the instance without being part of it."""
        return self.root / "visitors"

    @property
    def ray_token(self) -> Path:
        """The token without which this instance's Ray answers nobody."""
        return self.root / "ray-token"

    @property
    def ray(self) -> Path:
        """Ray's sessions: sockets and logs."""
        return self.run / "ray"

    @property
    def haproxy(self) -> Path:
        """HAProxy's configuration, admin socket and state."""
        return self.run / "ha"  # Serve appends 68 characters

    def prepare(self) -> None:
        """Create what is missing and check the rest. Raises SetupError, saying what to mend."""
        try:
            for folder in (self.root, self.logs, self.valkey, self.media):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
            _check_writable(self.root)
        except OSError as error:
            raise cannot_use(self.root, error) from error
        for folder in (self.root, RUN_PARENT):
            free = shutil.disk_usage(folder).free
            if free < FREE_BYTES_MIN:
                raise SetupError(
                    f"the disk of {folder} has only {free // 2**20} MB left and Social Flow needs "
                    f"{FREE_BYTES_MIN // 2**20} MB: free some space, or use another disk with --home"
                )
        self._prepare_run()

    def _prepare_run(self) -> None:
        try:
            self.run.mkdir(mode=0o700, exist_ok=True)
            found = self.run.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                raise SetupError(f"{self.run} belongs to somebody else: remove it, or use another --home")
            self.run.chmod(0o700)
            for folder in (self.ray, self.haproxy):
                folder.mkdir(mode=0o700, exist_ok=True)
            # A short way to Postgres' socket, which is in its data folder.
            link = self.run / "pg"
            if not link.is_symlink() or link.readlink() != self.postgres:
                link.unlink(missing_ok=True)
                link.symlink_to(self.postgres)
        except OSError as error:
            raise cannot_use(self.run, error) from error

    def lock(self) -> int:
        """Hold this home until the process ends. Raises SetupError when another process holds it."""
        held = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(held)
            raise SetupError(
                f"Social Flow already runs in {self.root}: stop it with "
                f"`socialflow down --home {self.root}`, or use another --home and --port"
            ) from error
        # Cleaners of /tmp (systemd-tmpfiles) leave alone what is locked.
        fcntl.flock(os.open(self.run, os.O_RDONLY), fcntl.LOCK_SH)
        return held

    def secret(self, name: str) -> str:
        """A random secret of this home, made on first use, readable by its owner only."""
        path = self.root / name
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read_secret(path)
        except OSError as error:
            raise cannot_use(path, error) from error
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES))
        return _read_secret(path)


def cannot_use(path: Path, error: OSError) -> SetupError:
    """The sentence for a file or folder that the system refuses."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SetupError(f"the disk of {path} is full: free some space, or use another disk with --home")
    if isinstance(error, PermissionError):
        return SetupError(
            f"{path} cannot be read and written by this user: give it to uid {os.geteuid()}, "
            "or use another --home"
        )
    if error.errno == errno.EROFS:
        return SetupError(f"{path} is on a disk that is mounted read-only: use another --home")
    if isinstance(error, FileExistsError | NotADirectoryError):
        return SetupError(f"{path} is not a folder: remove it, or use another --home")
    return SetupError(f"{path} cannot be used ({error.strerror}): use another --home")


def _check_writable(folder: Path) -> None:
    probe = folder / ".probe"
    probe.write_bytes(b"x" * 4096)  # a full disk still makes empty files
    probe.unlink()
    for path in folder.iterdir():
        if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def _read_secret(path: Path) -> str:
    try:
        secret = path.read_text().strip()
    except OSError as error:
        raise cannot_use(path, error) from error
    if len(secret) < SECRET_BYTES:
        raise SetupError(f"{path} is damaged: remove it (people have to sign in again) and start once more")
    return secret
