"""How `up` speaks: steps with their times to a person, or JSON lines to the process that detached it."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from rich.console import Console
from rich.text import Text


class Report(Protocol):
    """Where the news of a start go."""

    def step(self, name: str, *, seconds: float, note: str = "") -> None:
        """One step is done."""
        ...

    def say(self, text: str) -> None:
        """Something worth knowing happened while running."""
        ...

    def failed(self, reason: str, *, code: int) -> None:
        """The start ended here."""
        ...

    def ready(self, facts: dict[str, Any]) -> None:
        """The server answers."""
        ...


class TerminalReport:
    """For people."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def step(self, name: str, *, seconds: float, note: str = "") -> None:
        """`name ........ 0.4 s  note`"""
        line = Text.assemble(f"  {name:<12}", (f"{seconds:6.2f} s", "cyan"), f"  {note}")
        self._console.print(line, soft_wrap=True)

    def say(self, text: str) -> None:
        """A plain line."""
        self._console.print(Text(text), soft_wrap=True)

    def failed(self, reason: str, *, code: int) -> None:
        """The reason, in red."""
        self._console.print(Text.assemble(("error: ", "bold red"), reason), soft_wrap=True)

    def ready(self, facts: dict[str, Any]) -> None:
        """Where it is and who may sign in."""
        self._console.print()
        text = Text.assemble(
            "Social Flow answers at ", (facts["url"], "bold green"), f" after {facts['seconds']:.1f} s"
        )
        self._console.print(text, soft_wrap=True)
        for login in facts["logins"]:
            password = login.get("password")
            detail = f"password {password}" if password else "password as printed when it was made"
            self._console.print(Text(f"  {login['email']:<28} {detail}"), soft_wrap=True)
        if facts["logins"] and not facts["logins"][0].get("password"):
            self._console.print(Text("  (`socialflow seed --new-passwords` makes and prints new ones)"))


class JsonReport:
    """For programs: one object a line. `ready` or `failed` is the last one."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def step(self, name: str, *, seconds: float, note: str = "") -> None:
        """{"step", "seconds", "note"}"""
        self._write({"step": name, "seconds": round(seconds, 3), "note": note})

    def say(self, text: str) -> None:
        """{"say"}"""
        self._write({"say": text})

    def failed(self, reason: str, *, code: int) -> None:
        """{"error", "code"}"""
        self._write({"error": reason, "code": code})

    def ready(self, facts: dict[str, Any]) -> None:
        """{"ready": facts}"""
        self._write({"ready": facts})

    def _write(self, value: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(value) + "\n")
            self._file.flush()
        except (BrokenPipeError, ValueError):
            pass  # whoever detached us has gone; the log has it all


class Logged:
    """A report that also goes to the log file, without what must not be stored."""

    def __init__(self, report: Report, log: IO[str]) -> None:
        self._report = report
        self._log = log

    def step(self, name: str, *, seconds: float, note: str = "") -> None:
        """To both."""
        self._write(f"{name}: {seconds:.2f} s {note}")
        self._report.step(name, seconds=seconds, note=note)

    def say(self, text: str) -> None:
        """To both."""
        self._write(text)
        self._report.say(text)

    def failed(self, reason: str, *, code: int) -> None:
        """To both."""
        self._write(f"error: {reason}")
        self._report.failed(reason, code=code)

    def ready(self, facts: dict[str, Any]) -> None:
        """To both, but passwords are printed once and stored nowhere."""
        self._write(f"ready at {facts['url']} after {facts['seconds']} s")
        self._report.ready(facts)

    def _write(self, line: str) -> None:
        self._log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {line}\n")
        self._log.flush()


@contextmanager
def own_terminal(log: Path) -> Iterator[IO[str]]:
    """The terminal for us alone: whatever else is printed in this process goes to the log, until the end."""
    sys.stdout.flush()
    sys.stderr.flush()
    ours = os.fdopen(os.dup(1), "w", encoding="utf-8")
    kept = os.dup(2)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    try:
        yield ours
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(ours.fileno(), 1)
        os.dup2(kept, 2)
        for spent in (kept, descriptor):
            os.close(spent)


def last_telling_line(error: Exception) -> str:
    """What a person needs of an error that wraps others, as Ray's do: its last line."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no reason given"
