"""The API's port is kept for one start, and can be taken again right after a stop."""

import socket

import pytest

from cluster.errors import SetupError
from deployments import ports


def test_a_port_with_connections_of_the_last_server_can_be_kept() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()  # closing first leaves TIME_WAIT on the server's port
        client.recv(1)
        client.close()
    ports.reserve_api_port("127.0.0.1", port).close()


def test_a_kept_port_is_kept_from_another_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    held = ports.reserve_api_port("127.0.0.1", port)
    with pytest.raises(SetupError, match="in use"):
        ports.reserve_api_port("127.0.0.1", port)
    held.close()
