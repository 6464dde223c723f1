"""What must be mended first is one sentence that says how, and exit code 2."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deployments.home import Home
from deployments.postgres import EmbeddedPostgres
from tests.cluster.machine import Machine


def refused(machine: Machine, *arguments: str) -> str:
    """What `up` says when it refuses: the last line, without decoration."""
    done = machine.run("up", "--port", str(machine.port), *arguments, check=False)
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    said = (done.stdout + done.stderr).strip().splitlines()
    (error,) = [line for line in said if line.startswith("error: ")]
    assert "Traceback" not in done.stderr
    return error


def test_a_busy_port(idle: Machine) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", idle.port))
        other.listen()
        error = refused(idle)
    assert f"port {idle.port} on 127.0.0.1 is in use" in error
    assert "--port" in error


def test_a_detached_start_fails_with_the_reason_and_the_log(idle: Machine) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", idle.port))
        other.listen()
        error = refused(idle, "--detach")
    assert "is in use" in error
    assert str(idle.home.logs / "up.log") in error


def test_an_address_of_another_machine(idle: Machine) -> None:
    assert "--host" in refused(idle, "--host", "203.0.113.1")


def test_a_home_that_is_a_file(idle: Machine) -> None:
    idle.home.root.write_text("")
    error = refused(idle)
    idle.home.root.unlink()
    assert "is not a folder" in error


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_home_of_somebody_else(idle: Machine) -> None:
    idle.home.root.mkdir()
    idle.home.root.chmod(0o000)
    error = refused(idle)
    idle.home.root.chmod(0o700)
    assert "cannot be read and written by this user" in error


@pytest.fixture
def small_disk(idle: Machine) -> Iterator[Machine]:
    idle.home.root.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(idle.home.root)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    yield idle
    subprocess.run(["umount", "-l", str(idle.home.root)], check=True)


def test_a_small_disk(small_disk: Machine) -> None:
    assert "free some space" in refused(small_disk)


def test_a_full_disk(small_disk: Machine) -> None:
    with (small_disk.home.root / "filler").open("wb") as filler, pytest.raises(OSError):
        while True:
            filler.write(b"x" * 2**16)
            filler.flush()
    assert "is full" in refused(small_disk)


def test_a_schema_from_the_future_and_data_of_another_postgres(idle: Machine) -> None:
    home = Home(idle.home.root)
    home.prepare()
    server = EmbeddedPostgres(home)
    server.start()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    server.stop()
    error = refused(idle)
    assert "schema 9999" in error
    assert "newer Social Flow" in error
    (home.postgres / "PG_VERSION").write_text("17\n")
    error = refused(idle)
    assert "Postgres 17" in error
    assert idle.processes() == []


def test_settings_that_cannot_be_meant(idle: Machine) -> None:
    idle.environment = {"SOCIALFLOW_FEEDS__SHARDS": "many"}
    assert "SOCIALFLOW_FEEDS__SHARDS" in refused(idle)
    idle.environment = {"SOCIALFLOW_WEB__TRUSTED_PROXIES": '["10.0.0.300"]'}
    assert "10.0.0.300" in refused(idle)
    idle.environment = {"SOCIALFLOW_ENVIRONMENT": "production"}
    assert "placeholder" in refused(idle)
    idle.environment = {}
    assert "public URL" in refused(idle, "--public-url", "social.example/path")
    assert "--seed" in refused(idle, "--seed", "everything")


def test_a_postgres_of_ones_own_that_does_not_answer(idle: Machine) -> None:
    idle.environment = {"SOCIALFLOW_POSTGRES_URL": "postgresql://nobody:secret@127.0.0.1:1/none"}
    error = refused(idle)
    assert "SOCIALFLOW_POSTGRES_URL" in error
    assert "secret" not in error
    assert idle.processes() == []


@pytest.mark.parametrize("command", [["seed"], ["shards"], ["admin", "grant", "a", "--role", "user"]])
def test_commands_that_need_a_running_instance_say_so(idle: Machine, command: list[str]) -> None:
    done = idle.run(*command, check=False)
    assert done.returncode == 2
    assert "socialflow up" in done.stderr


def test_every_command_explains_itself(idle: Machine) -> None:
    for command in ("up", "down", "status", "doctor", "seed", "settings", "shards", "bench", "admin"):
        done = subprocess.run(
            [*idle.run("status", check=False).args[:1], command, "--help"], capture_output=True, text=True
        )
        assert done.returncode == 0
        assert "Usage" in done.stdout


def test_settings_show_no_secret(idle: Machine, tmp_path: Path) -> None:
    idle.environment = {
        "SOCIALFLOW_AUTH__SECRET": "very-secret-value-of-mine",
        "SOCIALFLOW_POSTGRES_URL": "postgresql://me:pa55word@db.example/x",
    }
    shown = idle.run("settings").stdout + idle.run("settings", "--json").stdout
    assert "very-secret" not in shown
    assert "pa55word" not in shown
    assert "db.example" in shown
