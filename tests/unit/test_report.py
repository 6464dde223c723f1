"""What `up` says, to whom, and what it never writes down."""

import io
import json
from typing import Any

from rich.console import Console

from deployments.report import JsonReport, Logged, TerminalReport
from deployments.steps import Steps

FACTS: dict[str, Any] = {
    "url": "http://127.0.0.1:8000",
    "seconds": 9.5,
    "logins": [{"username": "alice", "email": "alice@example.org", "password": "s3cret pass"}],
}


def spoken(report_class: Any) -> tuple[str, str]:
    """What a person or program hears, and what the log keeps."""
    out, log = io.StringIO(), io.StringIO()
    inner = report_class(Console(file=out, width=200) if report_class is TerminalReport else out)
    report = Logged(inner, log)
    with Steps(report).step("Postgres") as say:
        say("ready")
    report.say("Valkey ended: starting it again")
    report.ready(FACTS)
    report.failed("no [space] left", code=2)
    return out.getvalue(), log.getvalue()


def test_a_person_reads_steps_times_and_logins() -> None:
    heard, _ = spoken(TerminalReport)
    assert "Postgres" in heard
    assert "http://127.0.0.1:8000" in heard
    assert "s3cret pass" in heard
    assert "no [space] left" in heard  # brackets are not markup


def test_a_program_reads_one_object_a_line() -> None:
    heard, _ = spoken(JsonReport)
    step, say, ready, failed = [json.loads(line) for line in heard.splitlines()]
    assert step["step"] == "Postgres"
    assert step["note"] == "ready"
    assert say == {"say": "Valkey ended: starting it again"}
    assert ready["ready"]["logins"] == FACTS["logins"]
    assert failed == {"error": "no [space] left", "code": 2}


def test_the_log_keeps_everything_but_passwords() -> None:
    _, kept = spoken(TerminalReport)
    assert "Postgres" in kept
    assert "starting it again" in kept
    assert "s3cret" not in kept


def test_a_login_without_a_password_says_where_to_get_one() -> None:
    out = io.StringIO()
    TerminalReport(Console(file=out, width=200)).ready(
        FACTS | {"logins": [{"username": "a", "email": "a@b"}]}
    )
    assert "--new-passwords" in out.getvalue()


def test_whoever_detached_may_go_away() -> None:
    out = io.StringIO()
    report = JsonReport(out)
    out.close()
    report.say("still here")
