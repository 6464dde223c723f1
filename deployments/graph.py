"""The Serve applications: the API at the root, and the sockets with replicas and slots of their own.

Every open socket holds one of its replica's slots for as long as it lives; in the API's replicas a crowd of
sockets would leave no slot for a GET (RAY: plain requests then hang without an error).
"""

from typing import TYPE_CHECKING, Any

from cluster.settings import Settings
from cluster.topology import API_APPLICATION, STREAMING_APPLICATION, STREAMING_PREFIX

if TYPE_CHECKING:
    from ray.serve import RunTarget

ADMITTED_BEYOND = 256  # requests that reach a full API replica get its own 503 with Retry-After
KEEP_ALIVE_S = 90


def start_serve(settings: Settings) -> None:
    """Start Serve's controller and HAProxy. The host is the replicas'; HAProxy's own is rewritten."""
    from ray import serve
    from ray.serve.config import HTTPOptions

    serve.start(
        http_options=HTTPOptions(
            host="127.0.0.1", port=settings.web.port, keep_alive_timeout_s=KEEP_ALIVE_S, location="HeadOnly"
        ),
        logging_config=_logging(settings),
    )


def run_applications(settings: Settings, *, secret: str) -> None:
    """Deploy both applications; returns when their replicas are ready."""
    from ray import serve

    serve.run_many(applications(settings, secret=secret), wait_for_applications_running=True)


def applications(settings: Settings, *, secret: str) -> list["RunTarget"]:
    """What runs, where, and with how many slots."""
    from ray.serve import RunTarget

    from deployments.gateway import Gateway
    from deployments.replica import Api

    api = _deployment(
        Api,
        settings,
        num_replicas=settings.web.api_replicas,
        max_ongoing_requests=settings.web.requests_max + ADMITTED_BEYOND,
    )
    gateway = _deployment(
        Gateway,
        settings,
        num_replicas=settings.web.gateway_replicas,
        max_ongoing_requests=settings.web.sockets_max,
    )
    return [
        RunTarget(target=api.bind(settings, secret), name=API_APPLICATION, route_prefix="/"),
        RunTarget(
            target=gateway.bind(settings, secret), name=STREAMING_APPLICATION, route_prefix=STREAMING_PREFIX
        ),
    ]


def _deployment(cls: type, settings: Settings, **options: Any) -> Any:
    from ray import serve

    make: Any = serve.deployment  # its overloads know no class that serve.ingress made
    return make(serve.ingress()(cls)).options(
        name=cls.__name__.lower(),
        ray_actor_options={"num_cpus": 0},  # one machine: cores are shared, not reserved
        health_check_period_s=5,
        health_check_timeout_s=15,
        graceful_shutdown_timeout_s=2,
        graceful_shutdown_wait_loop_s=0.1,
        logging_config=_logging(settings),
        **options,
    )


def _logging(settings: Settings) -> dict[str, Any]:
    return {"log_level": settings.log_level.upper(), "encoding": "JSON", "enable_access_log": False}
