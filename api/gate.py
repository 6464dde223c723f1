"""Lets streaming clients in: who they are, whether there is room, and their account's news from the shards.

Whatever happens to a client afterwards, `admitted` gives everything back without waiting.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

from api.actions import lists
from api.close_codes import EXPIRED
from api.context import Context
from api.hub import Connection, Hub, Send, Stream
from api.stream_names import find
from api.tokens import Caller
from cluster.errors import Overloaded, Unauthenticated

Scope = dict[str, Any]
TIMER_S_MAX = 86_400.0  # a timer further away is set anew: event loops refuse very long ones


def parameters_of(scope: Scope) -> dict[str, str]:
    """The query string; of repeated names the first counts, as in Mastodon."""
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return dict(reversed(pairs))


def token_of(scope: Scope) -> str | None:
    """The access token: of the Authorization header, the query, or the first websocket subprotocol."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if scheme.lower() == "bearer" else None
    offered = scope.get("subprotocols") or [None]
    return parameters_of(scope).get("access_token") or offered[0]


class Gate:
    """The way into a hub."""

    def __init__(self, context: Context, hub: Hub) -> None:
        self._ctx = context
        self._hub = hub

    async def caller(self, scope: Scope) -> Caller | None:
        """Who connects; None without a token. Raises Unauthenticated for one that is not valid."""
        token = token_of(scope)
        return await self._ctx.tokens.verify(token) if token else None

    @asynccontextmanager
    async def admitted(self, scope: Scope, send: Send, caller: Caller | None) -> AsyncIterator[Connection]:
        """A connection of this client; must be entered by the task that serves it. Raises RateLimited,
        Overloaded, Unavailable."""
        if len(self._hub) >= self._ctx.settings.web.sockets_max:
            raise Overloaded(retry_after_s=5)
        task = asyncio.current_task()
        assert task is not None, "an ASGI application runs in a task"
        account_id = caller.account_id if caller else None
        connection = self._hub.connect(
            send,
            finish=task.cancel,
            websocket=scope["type"] == "websocket",
            owner=account_id if account_id is not None else _address(scope),
            account_id=account_id,
            session_id=caller.session_id if caller else None,
        )
        expiry = self._expire(connection, caller.expires_at) if caller and caller.expires_at else None
        watched: list[int] = []
        try:
            if account_id is not None:
                await self._ctx.inbox.watch([account_id])
                watched = [account_id]
                await self._ctx.viewers.get(account_id)  # now, with others who come, not at the first event
            yield connection
        except asyncio.CancelledError:
            if connection.closing is None or task.uncancel():
                raise
        finally:
            if expiry is not None:
                expiry.cancel()
            self._hub.disconnect(connection)
            self._ctx.inbox.unwatch(watched)

    async def stream(self, name: str, parameters: dict[str, str], caller: Caller | None) -> Stream:
        """The stream of this name for this caller. Raises what `stream_names.find` does, and NotFound for
        a list that is not the caller's."""
        account_id = caller.account_id if caller else None
        scopes = caller.scopes if caller else ()
        stream = find(name, parameters, account_id=account_id, scopes=scopes)
        if name == "list" and account_id is not None:
            await lists.show(self._ctx, account_id=account_id, list_id=int(stream.key[1]))
        return stream

    def _expire(self, connection: Connection, expires_at: int) -> "_Timer":
        return _Timer(self._ctx, self._hub, connection, expires_at)


class _Timer:
    """Ends a connection when its token does."""

    def __init__(self, context: Context, hub: Hub, connection: Connection, expires_at: int) -> None:
        self._ctx, self._hub, self._connection, self._expires_at = context, hub, connection, expires_at
        self._handle: asyncio.TimerHandle | None = None
        self._check()

    def _check(self) -> None:
        left_s = self._expires_at - self._ctx.clock.now().timestamp()
        if left_s <= 0:
            self._hub.close(self._connection, EXPIRED)
        else:
            self._handle = asyncio.get_running_loop().call_later(min(left_s, TIMER_S_MAX), self._check)

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()


def refuse_if_ended(connection: Connection) -> None:
    """Raises Unauthenticated when the session ended while the client was being let in."""
    if connection.closing is not None:
        raise Unauthenticated(connection.closing.reason)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
