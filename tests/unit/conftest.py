"""The unit ring: no Ray and no sockets; both are errors here, so that the ring stays fast and honest."""

import socket
import sys
from typing import NoReturn

import pytest


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make reaching out an error."""

    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        raise AssertionError("unit tests start no Ray and open no socket: put this test into another ring")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "bind", refuse)
    if "ray" in sys.modules:
        monkeypatch.setattr("ray.init", refuse)
