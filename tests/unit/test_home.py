"""A home's folders, its run folder, its lock, and the sentences for what the system refuses."""

import errno
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.errors import SetupError
from deployments import home as module
from deployments.home import Home, cannot_use


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    yield home
    shutil.rmtree(home.run, ignore_errors=True)


def test_everything_is_private(home: Home) -> None:
    home.prepare()
    for folder in (home.root, home.run, home.haproxy, home.logs):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def test_a_home_that_was_open_is_closed(home: Home) -> None:
    home.root.mkdir(mode=0o755)
    home.prepare()
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700


def test_sockets_fit_whatever_the_home_is_called(tmp_path: Path) -> None:
    long = Home(tmp_path / ("x" * 100) / ("y" * 100))
    node = "0" * 56  # Serve puts HAProxy's files into a folder named after the node
    assert len(f"{long.haproxy}/{node}/admin.sock.4194304.tmp") < 108
    assert len(f"{long.ray}/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store") < 108


def test_homes_have_run_folders_of_their_own(tmp_path: Path) -> None:
    assert Home(tmp_path / "a").run != Home(tmp_path / "b").run
    assert Home(tmp_path / "a").run == Home(tmp_path / "a").run


def test_a_run_folder_that_is_a_link_is_refused(home: Home, tmp_path: Path) -> None:
    home.run.symlink_to(tmp_path)
    with pytest.raises(SetupError, match="belongs to somebody else"):
        home.prepare()
    home.run.unlink()


def test_only_one_process_holds_a_home(home: Home) -> None:
    home.prepare()
    held = home.lock()
    code = (
        f"from deployments.home import Home; from pathlib import Path; Home(Path({str(home.root)!r})).lock()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "already runs" in done.stderr
    os.close(held)
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_nearly_full_disk_is_said_before_it_is_full(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FREE_BYTES_MIN", 2**60)
    with pytest.raises(SetupError, match="free some space"):
        home.prepare()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "x"), "is full"),
        (OSError(errno.EDQUOT, "x"), "is full"),
        (OSError(errno.EROFS, "x"), "read-only"),
        (PermissionError(errno.EACCES, "x"), "cannot be read and written by this user"),
        (NotADirectoryError(errno.ENOTDIR, "x"), "is not a folder"),
        (OSError(errno.EIO, "broken disk"), "broken disk"),
    ],
)
def test_the_system_is_translated(error: OSError, sentence: str) -> None:
    assert sentence in str(cannot_use(Path("/x"), error))


def test_a_damaged_secret_is_not_used(home: Home) -> None:
    home.prepare()
    (home.root / "secret").write_text("short")
    with pytest.raises(SetupError, match="damaged"):
        home.secret("secret")
