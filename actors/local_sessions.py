"""Sessions in this process: the same shards without Ray, for tests and small tools."""

import asyncio
import itertools
from collections.abc import Sequence

from actors.ports import Grant, Tokens
from actors.sessions import SessionShard
from actors.states.sessions import session_of
from cluster.clock import Clock
from cluster.errors import OAuthError
from cluster.settings import Settings
from cluster.sharding import assign, slot_of
from cluster.topology import session_shards
from db.bus import Bus
from db.pool import Pool
from db.queries import shards


class LocalSessions:
    """Routes to session shards in this process; the `Sessions` port."""

    def __init__(self, *, settings: Settings, pool: Pool, bus: Bus, clock: Clock) -> None:
        names = session_shards(settings)
        self._pool = pool
        self._owners = assign(names)
        self.shards = {
            name: SessionShard(name, settings=settings, pool=pool, bus=bus, clock=clock) for name in names
        }
        self._turns = itertools.cycle(self.shards.values())

    async def start(self) -> None:
        """Place the slots and start every shard."""
        async with self._pool.transaction() as conn:
            await shards.place(conn, kind="sessions", owners=self._owners)
        await asyncio.gather(*(shard.start() for shard in self.shards.values()))

    async def stop(self) -> None:
        """Stop every shard."""
        await asyncio.gather(*(shard.stop() for shard in self.shards.values()))

    async def create(self, grant: Grant) -> Tokens:
        """Open a session in the next shard's turn."""
        return await next(self._turns).create(grant)

    async def refresh(self, *, refresh_token: str, app_id: int, scopes: tuple[str, ...] = ()) -> Tokens:
        """Rotate a refresh token."""
        session_id = session_of(refresh_token)
        if session_id is None:
            raise OAuthError("invalid_grant", "The refresh token is unknown")
        shard = self._shard_of(session_id)
        return await shard.refresh(refresh_token=refresh_token, app_id=app_id, scopes=scopes)

    async def revoke(self, *, session_ids: Sequence[int], reason: str) -> None:
        """End sessions."""
        for identifier in session_ids:
            await self._shard_of(identifier).revoke(session_ids=[identifier], reason=reason)

    async def live(self, *, session_ids: Sequence[int]) -> list[bool]:
        """Which of these sessions are alive."""
        return [
            (await self._shard_of(identifier).live(session_ids=[identifier]))[0] for identifier in session_ids
        ]

    def _shard_of(self, session_id: int) -> SessionShard:
        return self.shards[self._owners[slot_of(session_id)]]
