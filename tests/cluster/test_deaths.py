"""After any of its processes is killed, the instance mends itself or the next start does; nothing is left."""

import contextlib
import os
import signal
import time
from collections.abc import Callable

import httpx
import psutil
import pytest

from deployments import instance
from deployments.processes import leftovers
from tests.cluster.machine import Machine
from tests.cluster.test_a_running_instance import sign_in

pytestmark = pytest.mark.timeout(240)


def kill(machine: Machine, name: str) -> None:
    (victim,) = [
        process
        for process in leftovers(machine.home)
        if process.name() == name and process.ppid() == machine.started["pid"]
    ]
    victim.kill()


def eventually(check: Callable[[], bool], *, seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return True
        time.sleep(0.2)
    return False


def test_postgres_and_valkey_are_started_again(alpha: Machine) -> None:
    token = sign_in(alpha, alpha.started["logins"][1])
    with alpha.client(headers={"Authorization": f"Bearer {token}"}) as client:
        for name in ("postgres", "valkey-server"):
            kill(alpha, name)
            assert eventually(lambda: status_of(alpha) == 200), name
            answers: list[int] = []

            def posted(name: str = name, answers: list[int] = answers) -> bool:
                answers.append(client.post("/api/v1/statuses", json={"status": f"after {name}"}).status_code)
                return answers[-1] == 200

            assert eventually(posted), answers
            assert set(answers) <= {200, 503}


def test_haproxy_is_started_again(alpha: Machine) -> None:
    for process in leftovers(alpha.home):
        if process.name() == "haproxy":
            process.kill()
    assert eventually(lambda: status_of(alpha) == 0, seconds=2)
    assert eventually(lambda: status_of(alpha) == 200, seconds=20)  # Serve's own pace takes up to 35


def test_after_the_supervisor_is_killed_the_next_start_has_everything(alpha: Machine) -> None:
    login = alpha.started["logins"][2]
    token = sign_in(alpha, login)
    headers = {"Authorization": f"Bearer {token}"}
    with alpha.client(headers=headers) as client:
        posted = client.post("/api/v1/statuses", json={"status": "still here?"}).json()
    os.kill(alpha.started["pid"], signal.SIGKILL)
    logins = alpha.started["logins"]
    alpha.up()
    alpha.started["logins"] = logins  # a second start does not know the passwords
    with alpha.client(headers=headers) as client:
        home = client.get("/api/v1/timelines/home").json()
    assert posted["id"] in [status["id"] for status in home]
    supervisors = [
        process
        for process in psutil.process_iter()
        if "deployments.cli" in process.cmdline() and str(alpha.home.root) in process.cmdline()
    ]
    assert len(supervisors) == 1


def test_when_all_of_ray_is_killed_it_comes_back_by_itself(beta: Machine) -> None:
    victims = [process for process in leftovers(beta.home) if is_of_ray(process)]
    assert len(victims) > 5
    for victim in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
    assert eventually(lambda: status_of(beta) == 200, seconds=90)


def is_of_ray(process: psutil.Process) -> bool:
    name: str = process.name()
    return name in ("gcs_server", "raylet", "haproxy") or name.startswith("ray::")


def status_of(machine: Machine) -> int:
    try:
        return machine.client().get("/readyz").status_code
    except httpx.TransportError:
        return 0


def test_down_leaves_nothing(beta: Machine) -> None:
    found = instance.read(beta.home)
    assert found is not None
    assert found.alive
    beta.down()
    assert not found.alive
    assert beta.processes() == []
    assert not beta.home.instance.exists()
    assert "nothing runs" in beta.run("down").stdout
