"""What this ring needs and the lock file cannot bring: programs from apt, packages from npm."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest

JAVASCRIPT = Path(__file__).parent / "javascript"
INSTALL_S_MAX = 240


def program(*names: str, package: str) -> str:
    """The path of a program; installs its Debian package when root may."""
    if not _found(names) and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
            _run(["apt-get", *command])
    return _found(names) or missing(f"{names[0]} is not here: install the package {package}")


def _found(names: Sequence[str]) -> str | None:
    return next(filter(None, map(shutil.which, names)), None)


def npm_packages() -> Path:
    """The folder with the npm packages of `javascript/package-lock.json`, installed if they are not."""
    npm = program("npm", package="npm")
    program("node", package="nodejs")
    done = JAVASCRIPT / "node_modules" / ".package-lock.json"
    with (JAVASCRIPT / "package.json").open() as lock:  # two runs at once install one after the other
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists() or done.stat().st_mtime < (JAVASCRIPT / "package-lock.json").stat().st_mtime:
            _run([npm, "ci", "--no-audit", "--no-fund", "--silent"], folder=JAVASCRIPT)
    return JAVASCRIPT


def missing(reason: str) -> NoReturn:
    """Skip where somebody works, fail where proof is wanted."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _run(command: list[str], *, folder: Path | None = None) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=INSTALL_S_MAX
    )
    if done.returncode:
        missing(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}")
