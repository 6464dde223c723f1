"""One instance for all tests of the command line, and a second one beside it: a start takes ten seconds."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.machine import Machine, make_machine


@pytest.fixture(scope="session")
def alpha() -> Iterator[Machine]:
    """A running instance with the demo world, and with the password grant, so that tests can sign in."""
    machine = make_machine(_folder(), SOCIALFLOW_AUTH__PASSWORD_GRANT="true")
    try:
        machine.up()
        yield machine
    finally:
        machine.remove()


@pytest.fixture(scope="session")
def beta(alpha: Machine) -> Iterator[Machine]:
    """Another one beside it, without people, and with production's rate limits."""
    machine = make_machine(_folder(), SOCIALFLOW_LIMITS_PROFILE="production")
    try:
        machine.up("--seed", "none")
        yield machine
    finally:
        machine.remove()


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Machine]:
    """A home in which nothing runs."""
    machine = make_machine(tmp_path / "home")
    yield machine
    machine.remove()


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="sf-machine-")) / "home"
