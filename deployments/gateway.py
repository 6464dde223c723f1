"""One replica of the streaming application: the sockets, and nothing else."""

from typing import Any

from api.context import Context
from api.streaming_app import create_streaming_app
from deployments.replica import Replica


class Gateway(Replica):
    """Websockets and server-sent events."""

    kind = "gateway"

    def build(self, context: Context) -> Any:
        """Streaming over its context."""
        return create_streaming_app(context)
