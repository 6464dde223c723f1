"""Running `up` here, or in a process of its own that outlives us."""

import json
import subprocess
import sys
import traceback
from collections.abc import Sequence
from typing import IO, Any

from rich.console import Console

from cluster.errors import SetupError, SocialFlowError
from cluster.settings import Settings
from deployments.environment import Seed
from deployments.home import Home
from deployments.report import JsonReport, Logged, Report, TerminalReport, last_telling_line, own_terminal

FAILED, MEND_FIRST = 1, 2


def run_here(settings: Settings, home: Home, *, seed: Seed, as_json: bool) -> int:
    """Start, stay, stop; the exit code. What other code prints goes to the log."""
    from deployments.up import Up

    home.prepare()
    log_path = home.logs / "up.log"
    with own_terminal(log_path) as terminal, log_path.open("a") as log:
        report = Logged(JsonReport(terminal) if as_json else TerminalReport(Console(file=terminal)), log)
        try:
            return Up(settings, home=home, seed=seed, report=report).run()
        except SetupError as error:
            report.failed(str(error), code=MEND_FIRST)
            return MEND_FIRST
        except Exception as error:
            traceback.print_exc()  # to the log
            kind = "" if isinstance(error, SocialFlowError) else f"{type(error).__name__}: "
            where = "" if as_json else f" (log: {log_path})"  # who detached us says it, too
            report.failed(f"{kind}{last_telling_line(error)}{where}", code=FAILED)
            return FAILED


def run_detached(home: Home, options: Sequence[str], *, as_json: bool) -> int:
    """Start a process that stays; return when the server answers, or fail with reason and log path."""
    home.prepare()
    log_path = home.logs / "up.log"
    command = [sys.executable, "-m", "deployments.cli", "up", "--home", str(home.root), "--json", *options]
    with log_path.open("ab") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            text=True,
            cwd=home.root,
        )
    assert child.stdout is not None
    report: Report = TerminalReport(Console(stderr=as_json))
    try:
        ending = _follow(child.stdout, report)
    except KeyboardInterrupt:
        child.terminate()
        return 130
    if "ready" in ending:
        ready = ending["ready"]
        if as_json:
            print(json.dumps(ready))
        else:
            report.ready(ready)
            report.say(f"  stop it with: socialflow down --home {home.root}")
        return 0
    code = int(ending.get("code") or child.wait() or FAILED)
    reason = ending.get("error") or f"the server ended with exit code {code}"
    report.failed(f"{reason} (log: {log_path})", code=code)
    return code


def _follow(lines: IO[str], report: Report) -> dict[str, Any]:
    """Show the steps; the line that says how it ended."""
    for line in lines:
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if "step" in told:
            report.step(told["step"], seconds=told["seconds"], note=told["note"])
        elif "say" in told:
            report.say(told["say"])
        else:
            return dict(told)
    return {}
