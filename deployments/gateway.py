"""One replica of the streaming application: the sockets, and nothing else."""

from typing import Any

from api.context import Context
from api.streaming_app import create_streaming_app
from cluster.settings import Settings
from deployments.replica import Replica
from deployments.socket_options import set_socket_options


class Gateway(Replica):
    """Websockets and server-sent events."""

    kind = "gateway"

    def __init__(self, settings: Settings, secret: str) -> None:
        set_socket_options(heartbeat_s=settings.streaming.heartbeat_s)
        super().__init__(settings, secret)

    def build(self, context: Context) -> Any:
        """Streaming over its context."""
        return create_streaming_app(context)
