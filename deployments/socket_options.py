"""How the web server inside a gateway replica treats websockets; Serve has no settings for it."""

import functools
from typing import Any

MESSAGE_BYTES_MAX = 16 * 1024  # four times what the API accepts, which then says so; uvicorn's own is 16 MB


def set_socket_options(*, heartbeat_s: float) -> None:
    """Pings, small messages, no compression. Call in a replica before it is ready.

    Compression would be done again for each socket: 50 us for an event that costs 8 us to send. Clients
    get their events compressed where TLS ends, or not at all.
    """
    import uvicorn

    module: Any = uvicorn
    module.Config = functools.partial(
        module.Config,
        ws_per_message_deflate=False,
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_ping_interval=heartbeat_s,
        ws_ping_timeout=heartbeat_s,
    )
