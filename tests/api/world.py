"""A whole server in one process: the real app on real Postgres and Valkey, with shards in this process."""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from actors.local import LocalFeeds
from actors.local_sessions import LocalSessions
from actors.ports import Grant
from api.assembly import assemble
from api.context import Context, Parts
from cluster.clock import SystemClock
from cluster.settings import Settings
from db.blobs import DirectoryBlobs
from db.bus import Bus
from db.pool import Pool

SCOPES = ("read", "write", "follow", "push")
PASSWORD = "correct horse battery"
_replicas = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account and an access token."""

    account_id: int
    username: str
    password: str
    token: str
    session_id: int

    @property
    def id(self) -> str:
        return str(self.account_id)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(slots=True)
class World:
    """The server's context, and people made straight in the database."""

    context: Context
    app_id: int

    async def person(self, username: str, *, scopes: Sequence[str] = SCOPES, locked: bool = False) -> Person:
        """A new account with a token of these scopes."""
        hashed = await self.context.passwords.hash(PASSWORD)
        async with self.context.pool.transaction() as conn:
            account_id = await conn.fetchval(
                "INSERT INTO accounts (username, display_name, locked) VALUES ($1, $2, $3) RETURNING id",
                username,
                username.title(),
                locked,
            )
            await conn.execute("INSERT INTO account_stats (account_id) VALUES ($1)", account_id)
            await conn.execute(
                "INSERT INTO users (account_id, email, password_hash) VALUES ($1, $2, $3)",
                account_id,
                f"{username}@example.org",
                hashed,
            )
        return await self.sign_in(account_id=account_id, username=username, scopes=scopes)

    async def people(self, *usernames: str) -> list[Person]:
        """Several new accounts."""
        return [await self.person(username) for username in usernames]

    async def sign_in(
        self, *, account_id: int, username: str, scopes: Sequence[str] = SCOPES, offline: bool = False
    ) -> Person:
        """Another session of an account."""
        tokens = await self.context.sessions.create(Grant(account_id, self.app_id, tuple(scopes), offline))
        return Person(account_id, username, PASSWORD, tokens.access_token, tokens.session_id)


def settings_for(*, database_url: str, redis_url: str, home: Path, **web: Any) -> Settings:
    """Cheap passwords, no rate limits, two feed shards."""
    settings = Settings(home=home)
    return settings.model_copy(
        update={
            "web": settings.web.model_copy(update=web),
            # A test may ask for more at once than one replica serves in time on a busy machine.
            "postgres": settings.postgres.model_copy(
                update={"url": database_url, "acquire_timeout_ms": 20_000, "statement_timeout_ms": 20_000}
            ),
            "redis": settings.redis.model_copy(update={"url": redis_url}),
            "auth": settings.auth.model_copy(
                update={"password_profile": "cheap", "secret": SecretStr("s" * 40)}
            ),
            "limits": settings.limits.model_copy(update={"enabled": False}),
        }
    )


@asynccontextmanager
async def parts_of(settings: Settings) -> AsyncIterator[Parts]:
    """Shards in this process, and what one replica needs."""
    clock, pool, bus = SystemClock(), Pool(settings.postgres), Bus(settings.redis.url)
    shard_pool, shard_bus = Pool(settings.postgres), Bus(settings.redis.url)
    feeds = LocalFeeds(settings=settings, pool=shard_pool, bus=shard_bus, clock=clock)
    sessions = LocalSessions(settings=settings, pool=shard_pool, bus=shard_bus, clock=clock)
    await shard_pool.open()
    await sessions.start()
    await feeds.start()
    try:
        yield Parts(
            settings=settings,
            clock=clock,
            replica=f"test-{next(_replicas)}",
            pool=pool,
            bus=bus,
            blobs=DirectoryBlobs(settings.home / "media", public_url=f"{settings.public_url}/media"),
            feeds=feeds,
            sessions=sessions,
        )
    finally:
        await feeds.stop()
        await sessions.stop()
        await shard_bus.close()
        await shard_pool.close()


@asynccontextmanager
async def open_world(settings: Settings) -> AsyncIterator[World]:
    """An open context with one application registered."""
    async with parts_of(settings) as parts:
        context = assemble(parts)
        await context.open()
        async with context.pool.transaction() as conn:
            app_id = await conn.fetchval(
                "INSERT INTO oauth_apps (client_id, secret_hash, name, website, redirect_uris, scopes) "
                "VALUES ($1, $2, 'Test App', 'https://app.example', $3, $4) RETURNING id",
                f"client-{parts.replica}",
                b"",
                ["urn:ietf:wg:oauth:2.0:oob"],
                list(SCOPES),
            )
        try:
            yield World(context, app_id)
        finally:
            await context.close()


def client_for(app: Any, settings: Settings) -> httpx.AsyncClient:
    """Talks to an ASGI app without sockets."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app, raise_app_exceptions=False), base_url=settings.public_url
    )
