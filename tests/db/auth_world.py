"""Accounts, apps, session shards and verifiers on a real database and a real Valkey, with a clock by hand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from actors.local_sessions import LocalSessions
from actors.ports import Grant, Tokens
from actors.sessions import SessionShard
from api.tokens import TokenVerifier
from cluster.clock import ManualClock, SystemClock
from cluster.settings import Auth, Sessions, Settings
from db.bus import Bus
from db.pool import Pool


@dataclass
class World:
    """What a test of sessions needs. Shards and verifiers live by `clock` for durations of tokens and keys,
    and by real time for heartbeats."""

    pool: Pool
    bus: Bus
    clock: ManualClock
    settings: Settings
    sessions: LocalSessions

    async def account(self, name: str = "alice") -> int:
        async with self.pool.transaction() as conn:
            return await conn.fetchval("INSERT INTO accounts (username) VALUES ($1) RETURNING id", name)

    async def app(self, name: str = "app") -> int:
        async with self.pool.transaction() as conn:
            return await conn.fetchval(
                "INSERT INTO oauth_apps (client_id, secret_hash, name, redirect_uris, scopes)"
                " VALUES ($1, '', $1, '{}', '{read,write}') RETURNING id",
                name,
            )

    async def signed_in(
        self, *, offline: bool = False, scopes: tuple[str, ...] = ("read",)
    ) -> tuple[int, Tokens]:
        suffix = str(next(_numbers))
        account_id, app_id = await self.account(f"person{suffix}"), await self.app(f"app{suffix}")
        return account_id, await self.sessions.create(Grant(account_id, app_id, scopes, offline))

    async def tokens(self, *, offline: bool = False, scopes: tuple[str, ...] = ("read",)) -> Tokens:
        return (await self.signed_in(offline=offline, scopes=scopes))[1]

    async def app_tokens(self) -> Tokens:
        return await self.sessions.create(Grant(None, await self.app(f"app{next(_numbers)}"), ("read",)))

    def shard(self, name: str = "sessions-0") -> SessionShard:
        return SessionShard(name, settings=self.settings, pool=self.pool, bus=self.bus, clock=self.clock)

    @asynccontextmanager
    async def verifier(self, *, real_time: bool = False) -> AsyncIterator[TokenVerifier]:
        verifier = TokenVerifier(
            settings=self.settings,
            pool=self.pool,
            bus=self.bus,
            clock=SystemClock() if real_time else self.clock,
            sessions=self.sessions,
        )
        await verifier.start()
        await eventually(lambda: verifier.ready)
        yield verifier
        await verifier.stop()


_numbers = iter(range(10**9))


async def eventually(true: Callable[[], bool | Awaitable[bool]], *, within_s: float = 5.0) -> None:
    """Wait until `true` is; fails after `within_s`."""
    async with asyncio.timeout(within_s):
        while True:
            answer = true()
            if await answer if isinstance(answer, Awaitable) else answer:
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def open_world(pool: Pool, redis_url: str, *, shards: int = 2, **auth: object) -> AsyncIterator[World]:
    """A world with started shards."""
    settings = Settings(auth=Auth(**auth), sessions=Sessions(shards=shards, heartbeat_ms=50))
    bus = Bus(redis_url)
    await bus.open()
    clock = ManualClock(SystemClock().now())
    sessions = LocalSessions(settings=settings, pool=pool, bus=bus, clock=clock)
    await sessions.start()
    yield World(pool, bus, clock, settings, sessions)
    await sessions.stop()
    await bus.close()
