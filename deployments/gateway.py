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
        super().__init__(_with_room_for_viewers(settings), secret)

    def build(self, context: Context) -> Any:
        """Streaming over its context."""
        return create_streaming_app(context)


def _with_room_for_viewers(settings: Settings) -> Settings:
    # Every event is judged through the eyes of all who may get it. Those who are connected must all be at
    # hand (the cache keeps at least half of its bound), or each popular post would read them anew.
    wanted = max(settings.caches.viewers_max, 2 * settings.web.sockets_max)
    return settings.model_copy(update={"caches": settings.caches.model_copy(update={"viewers_max": wanted})})
