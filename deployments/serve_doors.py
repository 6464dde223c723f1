"""Closes a port that Serve opens in every replica on all interfaces, with no setting to say otherwise."""

from typing import Any


def close_serve_doors() -> None:
    """Make the gRPC server between deployments listen on loopback. Call in a replica before it is ready.

    It takes pickled calls and checks no token: on an open interface it would run anybody's code.
    """
    from ray.serve._private import replica

    module: Any = replica
    original = module.add_port_to_grpc_server

    def on_loopback(server: Any, address: str) -> Any:
        if address != "[::]:0":
            raise RuntimeError(f"this Ray binds its replicas to {address}: look whether that is closed")
        return original(server, "127.0.0.1:0")

    module.add_port_to_grpc_server = on_loopback
