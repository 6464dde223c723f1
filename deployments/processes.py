"""Processes of an instance: ending them in order, and finding what a crash left behind.

A process belongs to an instance when one of its open files is in the instance's run folder or logs. Marks in
the environment would be simpler, but Postgres and Ray's workers overwrite theirs to show a title in `ps`.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from deployments.home import Home

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # prctl(2)


def leftovers(home: Home) -> list[psutil.Process]:
    """Every process of this instance, except the calling one and its ancestors."""
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [
        psutil.Process(pid)
        for pid in psutil.pids()
        if pid not in spared and _is_part_of(home, pid) and psutil.pid_exists(pid)
    ]


def visit(home: Home) -> None:
    """Mark this process as one that only joins the instance's Ray, whose logs it opens: not a part of it."""
    os.open(home.visitors, os.O_RDWR | os.O_CREAT, 0o600)  # open until the process ends


def _is_part_of(home: Home, pid: int) -> bool:
    part = False
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                path = str(Path(entry.path).readlink())
                if path == str(home.visitors):
                    return False
                if not part and path.startswith((f"{home.run}/", f"{home.logs}/")):
                    part = _writes(pid, entry.name)
    except OSError:  # not ours, or gone
        return False
    return part


def _writes(pid: int, descriptor: str) -> bool:
    """Whether a file is open for writing: somebody who only reads our logs is not one of us."""
    for line in Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text().splitlines():
        if line.startswith("flags:"):
            return int(line.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
    return False


def end_with_parent() -> None:
    """Get SIGTERM when whoever started this process dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def adopt_orphans() -> None:
    """Become the parent of every orphan below: the machine's init may be one that never buries the dead."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def bury_orphans() -> None:
    """Collect every child that has ended. Only when no child's exit code matters any more."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def end_leftovers(home: Home, *, grace_s: float = 10.0) -> int:
    """End what a former run left; Postgres may finish its checkpoint. Returns how many there were."""
    found = leftovers(home)
    postmaster = _postmaster(home, found)
    hard = [process for process in found if postmaster is None or not _belongs_to(process, postmaster)]
    _kill(hard)
    if postmaster is not None:
        end(postmaster, first=signal.SIGINT, grace_s=grace_s)
        psutil.wait_procs([process for process in found if process not in hard], timeout=grace_s)
    return len(found)


def end_leftovers_of_postgres(home: Home) -> None:
    """End what a killed postmaster left: a new one refuses to start beside it."""
    _kill([process for process in leftovers(home) if _name(process) == "postgres"])


def end_leftovers_of_ray(home: Home) -> None:
    """End what outlived Ray's driver: its processes end by themselves, but not at once."""
    _kill([process for process in leftovers(home) if _name(process) not in ("postgres", "valkey-server")])


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10.0)


def _postmaster(home: Home, found: Iterable[psutil.Process]) -> psutil.Process | None:
    try:
        pid = int((home.postgres / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return next((process for process in found if process.pid == pid), None)


def _belongs_to(process: psutil.Process, parent: psutil.Process) -> bool:
    try:
        return process == parent or process.ppid() == parent.pid
    except psutil.NoSuchProcess:
        return False


def end(
    process: psutil.Process | subprocess.Popen[bytes], *, first: signal.Signals, grace_s: float = 10.0
) -> None:
    """Ask one process to end with `first`, and kill it when it does not within `grace_s`."""
    for number, patience_s in ((first, grace_s), (signal.SIGKILL, 5.0)):
        try:
            process.send_signal(number)
            process.wait(timeout=patience_s)
        except (psutil.NoSuchProcess, ProcessLookupError):
            return
        except (psutil.TimeoutExpired, subprocess.TimeoutExpired):
            continue
        return


def wait_gone(pid: int, *, timeout_s: float) -> bool:
    """Whether a process that is not our child is gone within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
