"""The gateway's ASGI application: streaming and nothing else, in processes of its own."""

from api.context import Context
from api.gate import Gate, Scope
from api.hub import Hub, Send
from api.routes.streaming import Receive, StreamingRoutes
from api.streaming import Streams


class StreamingApp:
    """Serves `/api/v1/streaming` over `context`; opens and closes it with the ASGI lifespan, if run."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.hub = Hub(context.settings.streaming)
        self._streams = Streams(context, self.hub)
        self._routes = StreamingRoutes(Gate(context, self.hub), self.hub)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        self._streams.start()
        if scope["type"] == "websocket":
            await self._routes.websocket(scope, receive, send)
        else:
            await self._routes.http(scope, receive, send)

    async def close(self) -> None:
        """Stop delivering; for whoever runs no lifespan."""
        await self._streams.close()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._context.open()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await self._context.close()
        await send({"type": "lifespan.shutdown.complete"})


def create_streaming_app(context: Context) -> StreamingApp:
    """The gateway over `context`."""
    return StreamingApp(context)
