"""One replica of a Serve application: its own connections and caches, its own name on the event channels."""

import secrets
from typing import Any

from actors.handles import RayFeeds, RayShards
from actors.session_routes import RoutedSessions
from api.app import create_app
from api.assembly import assemble
from api.context import Context, Parts
from cluster.clock import SystemClock
from cluster.observe import configure_logging
from cluster.settings import Settings
from db.blobs import make_blobs
from db.bus import Bus
from db.pool import Pool
from deployments.ingress import Ingress
from deployments.serve_doors import close_serve_doors


def make_context(settings: Settings, *, replica: str) -> Context:
    """Everything that requests may use, over Ray's shards. Connects with `open`."""
    return assemble(
        Parts(
            settings=settings,
            clock=SystemClock(),
            replica=f"{replica}-{secrets.token_hex(4)}",
            pool=Pool(settings.postgres),
            bus=Bus(settings.redis.url),
            blobs=make_blobs(settings),
            feeds=RayFeeds(settings=settings),
            sessions=RoutedSessions(RayShards(), settings=settings),
        )
    )


class Replica:
    """Base of the applications' classes. Serve runs the ASGI lifespan: that opens and closes the context."""

    kind = ""

    def __init__(self, settings: Settings, secret: str) -> None:
        close_serve_doors()
        configure_logging(level=settings.log_level, as_json=settings.log_json)
        self._context = make_context(settings, replica=self.kind)
        self._secret = secret

    def __serve_build_asgi_app__(self) -> Ingress:
        return Ingress(self.build(self._context), secret=self._secret)

    def build(self, context: Context) -> Any:
        """The application itself."""
        raise NotImplementedError


class Api(Replica):
    """The REST API and the pages."""

    kind = "api"

    def build(self, context: Context) -> Any:
        """The API over its context. Serve puts the request id on answers itself."""
        return create_app(context, echo_request_id=False)
