"""A websocket server that says one thing to everybody, and nothing more: what the library itself can do.

`python -m deployments.bench.loudspeaker PORT` reads JSON lines, `{"text": "...", "times": n}`, and sends each
to all who listen.
"""

import asyncio
import json
import sys
from typing import Any

import uvicorn

PER_TURN = 8  # messages before the loop may read: as the gateway's rounds in a flood


class Loudspeaker:
    """The ASGI application."""

    def __init__(self) -> None:
        self._listeners: set[Any] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One listener, until it leaves."""
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        self._listeners.add(send)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        self._listeners.discard(send)

    async def say(self, text: str, times: int) -> None:
        """Send the text to all, this many times."""
        message = {"type": "websocket.send", "text": text}
        for number in range(times):
            for send in self._listeners:
                await send(message)
            if number % PER_TURN == 0:
                await asyncio.sleep(0)


async def main(port: int) -> None:
    """Serve, and obey standard input."""
    app = Loudspeaker()
    config = uvicorn.Config(
        app, port=port, log_level="error", lifespan="off", ws_per_message_deflate=False, ws_ping_interval=None
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        await app.say(**json.loads(line))
    server.should_exit = server.force_exit = True
    await serving


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(int(sys.argv[1])))
