"""The fixed ports of one instance: a block of its own, so that instances beside each other never meet."""

import errno
import os
import socket
from dataclasses import asdict, dataclass
from hashlib import blake2b

from cluster.errors import SetupError
from deployments.home import Home

BLOCK = 40
REPLICA_PORTS = 32
FIRST, LAST = 20_000, 29_999  # below the ranges that kernels give out by themselves (32768 up)


@dataclass(frozen=True)
class Ports:
    """Everything but the API's own port; all on loopback."""

    ray: int
    ray_agent: int
    ray_metrics: int
    haproxy_metrics: int
    haproxy_stats: int
    fallback: int
    replicas_first: int
    replicas_last: int

    def as_dict(self) -> dict[str, int]:
        """For the instance file."""
        return asdict(self)


def choose(home: Home) -> Ports:
    """A free block, the same at every start unless somebody took it. Raises SetupError when none is free."""
    blocks = (LAST - FIRST) // BLOCK
    start = int.from_bytes(blake2b(str(home.root).encode(), digest_size=4).digest())
    for attempt in range(blocks):
        base = FIRST + (start + attempt) % blocks * BLOCK
        if all(is_free("127.0.0.1", port) for port in range(base, base + BLOCK)):
            return Ports(
                ray=base,
                ray_agent=base + 1,
                ray_metrics=base + 2,
                haproxy_metrics=base + 3,
                haproxy_stats=base + 4,
                fallback=base + 5,
                replicas_first=base + BLOCK - REPLICA_PORTS,
                replicas_last=base + BLOCK - 1,
            )
    raise SetupError(
        f"no {BLOCK} neighbouring ports between {FIRST} and {LAST} are free: close some programs"
    )


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now. Raises OSError when the address is not of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def reserve_api_port(host: str, port: int) -> socket.socket:
    """Keep the API's port for ourselves until HAProxy listens at it, ten seconds later; close it then.

    Raises SetupError, saying what to do, when the API cannot listen there. HAProxy can bind beside this
    socket, because both ask for SO_REUSEPORT and have one owner; another start's plain check cannot.
    """
    check_api_port(host, port)
    held = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        held.bind((host, port))
    except OSError:
        # For a minute the kernel still holds connections of the server that was here before. Kept like this,
        # the port looks free to another start: better than no restart.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((host, port))
    return held


def check_api_port(host: str, port: int) -> None:
    """Raise SetupError, saying what to do, unless the API can listen at its port."""
    try:
        if is_free(host, port):
            return
        reason, mend = "is in use by another program", "stop that program, or choose another with --port"
    except PermissionError:
        reason, mend = f"may not be used by uid {os.geteuid()}", "choose one above 1023 with --port"
    except OSError as error:
        reason, mend = f"cannot be used ({error.strerror})", "give an address of this machine with --host"
    raise SetupError(f"port {port} on {host} {reason}: {mend}")
