"""Which processes belong to a home, and that ending one's own does not end others'."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deployments.home import Home
from deployments.processes import end_leftovers, leftovers

HOLD = "import sys, time; files = [open(name, mode) for name, mode in zip(sys.argv[1::2], sys.argv[2::2])]"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    home.prepare()
    yield home
    shutil.rmtree(home.run, ignore_errors=True)


class Holder:
    """A process that keeps files open."""

    def __init__(self, *files: tuple[Path, str]) -> None:
        arguments = [str(part) for file in files for part in file]
        code = f"{HOLD}; print(1, flush=True); time.sleep(60)"
        self.process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def __enter__(self) -> int:
        return self.process.pid

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.wait()


def pids(home: Home) -> set[int]:
    return {process.pid for process in leftovers(home)}


def test_who_writes_into_a_home_belongs_to_it(home: Home, tmp_path: Path) -> None:
    log = home.logs / "x.log"
    log.touch()
    elsewhere = tmp_path / "other.log"
    with (
        Holder((log, "a")) as writer,
        Holder((home.run / "y", "w")) as runner,
        Holder((log, "r")) as reader,
        Holder((elsewhere, "a")) as stranger,
        Holder((log, "a"), (home.visitors, "w")) as visitor,
    ):
        found = pids(home)
    assert {writer, runner} <= found
    assert not {reader, stranger, visitor} & found


def test_leftovers_are_ended_and_nobody_else(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "second")
    other.prepare()
    with Holder((home.logs / "x", "a")) as ours, Holder((other.logs / "x", "a")) as theirs:
        assert end_leftovers(home) == 1
        assert not psutil.pid_exists(ours)
        assert psutil.pid_exists(theirs)
    shutil.rmtree(other.run)


def test_ones_own_process_is_spared(home: Home) -> None:
    with (home.logs / "mine").open("a"):
        assert pids(home) == set()
