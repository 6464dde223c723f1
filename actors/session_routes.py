"""The Sessions port over any transport: from a session to its shard, one question for all who ask at once."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence

from actors.lanes import Lane
from actors.ports import Grant, Tokens
from actors.routed_feeds import Transport
from actors.states.sessions import session_of
from cluster.errors import OAuthError, Unavailable
from cluster.settings import Settings
from cluster.sharding import assign, slot_of
from cluster.topology import session_shards

ASK_MAX = 1000  # sessions in one question
QUEUE_MAX = 10_000  # waiting for a question; a replica has at most `web.requests_max` requests, and sockets


class RoutedSessions:
    """Satisfies `actors.ports.Sessions`. Reads are asked twice before they fail, writes once."""

    def __init__(self, transport: Transport, *, settings: Settings) -> None:
        self._transport = transport
        self._timeout_s = settings.sessions.call_timeout_ms / 1000
        names = session_shards(settings)
        self._owners = assign(names)
        self._turns = itertools.cycle(names)
        self._questions = {
            name: Lane[int, bool](self._asker(name), batch_max=ASK_MAX, queue_max=QUEUE_MAX) for name in names
        }

    async def close(self) -> None:
        """Give up what waits."""
        for lane in self._questions.values():
            await lane.close()

    async def create(self, grant: Grant) -> Tokens:
        """Open a session in the next shard's turn: each makes ids of its own slots."""
        shard = next(self._turns)
        tokens: Tokens = await self._transport.call(shard, "create", grant, timeout_s=self._timeout_s)
        return tokens

    async def refresh(self, *, refresh_token: str, app_id: int, scopes: tuple[str, ...] = ()) -> Tokens:
        """Rotate a refresh token."""
        session_id = session_of(refresh_token)
        if session_id is None:
            raise OAuthError("invalid_grant", "The refresh token is unknown")
        tokens: Tokens = await self._transport.call(
            self._shard_of(session_id),
            "refresh",
            refresh_token=refresh_token,
            app_id=app_id,
            scopes=scopes,
            timeout_s=self._timeout_s,
        )
        return tokens

    async def revoke(self, *, session_ids: Sequence[int], reason: str) -> None:
        """End sessions, in all their shards at once."""
        groups: dict[str, list[int]] = {}
        for identifier in session_ids:
            groups.setdefault(self._shard_of(identifier), []).append(identifier)
        calls = [
            self._transport.call(shard, "revoke", session_ids=group, reason=reason, timeout_s=self._timeout_s)
            for shard, group in groups.items()
        ]
        await asyncio.gather(*calls)

    async def live(self, *, session_ids: Sequence[int]) -> list[bool]:
        """Which of these sessions are alive."""
        asked = [self._questions[self._shard_of(identifier)].put(identifier) for identifier in session_ids]
        return list(await asyncio.gather(*asked))

    def _asker(self, shard: str) -> Callable[[Sequence[int]], Awaitable[Sequence[bool]]]:
        async def ask(session_ids: Sequence[int]) -> Sequence[bool]:
            try:
                return await self._ask(shard, session_ids)
            except Unavailable:
                return await self._ask(shard, session_ids)

        return ask

    async def _ask(self, shard: str, session_ids: Sequence[int]) -> Sequence[bool]:
        alive: Sequence[bool] = await self._transport.call(
            shard, "live", session_ids=list(session_ids), timeout_s=self._timeout_s
        )
        return alive

    def _shard_of(self, session_id: int) -> str:
        return self._owners[slot_of(session_id)]
