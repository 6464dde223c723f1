"""Connections to Postgres: one pool a process, one `transaction()` an action, and the order lock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson

from cluster.errors import Overloaded, Unavailable
from cluster.settings import Postgres

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection

ORDER_LOCK = 7_301_001
"""Advisory lock key. Whoever mints ordered ids holds it until commit, so the order of ids is the order in
which they become visible: no reader ever sees an id while a smaller one may still appear. Postgres
releases it after the transaction is visible to others (CommitTransaction: ProcArrayEndTransaction, then
the locks). Group commit keeps it cheap: one lock for hundreds of posts."""

LOST: tuple[type[BaseException], ...] = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
"""What a missing, restarting or overrun Postgres looks like from here."""


class Pool:
    """A bounded set of connections. Waiting for one too long is Overloaded; no server is Unavailable."""

    def __init__(self, settings: Postgres) -> None:
        self._settings = settings
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Connect. Raises Unavailable when the server does not answer; safe to call again."""
        async with self._opening:
            if self._pool is None:
                try:
                    self._pool = await asyncpg.create_pool(
                        self._settings.url,
                        min_size=self._settings.pool_min,
                        max_size=self._settings.pool_max,
                        command_timeout=self._settings.statement_timeout_ms / 1000,
                        server_settings={"application_name": "socialflow", "jit": "off"},
                        init=_prepare_connection,
                        reset=_leave_as_it_is,
                    )
                except LOST as error:
                    raise Unavailable("the database does not answer") from error

    async def close(self) -> None:
        """Close all connections, waiting briefly for those in use."""
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                await asyncio.wait_for(pool.close(), timeout=2)
            except TimeoutError:
                pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection without a transaction, for reads."""
        if self._pool is None:
            await self.open()
        assert self._pool is not None
        try:
            connection = await self._pool.acquire(timeout=self._settings.acquire_timeout_ms / 1000)
        except TimeoutError as error:
            raise Overloaded("all database connections are in use") from error
        except LOST as error:
            raise Unavailable("the database does not answer") from error
        try:
            yield connection
        except LOST as error:
            raise Unavailable("the database went away") from error
        except (TimeoutError, asyncpg.QueryCanceledError) as error:
            raise Unavailable("the database took too long") from error
        finally:
            await self._release(connection)

    async def _release(self, connection: Any) -> None:
        if self._pool is None:
            return
        try:
            await asyncio.shield(self._pool.release(connection, timeout=1))
        except LOST:
            connection.terminate()

    @asynccontextmanager
    async def transaction(self, *, ordered: bool = False) -> AsyncIterator[Connection]:
        """One transaction; commits when the block ends, rolls back when it raises.

        `ordered=True` takes the order lock first: required before `mint_ordered_id()` runs.
        """
        async with self.connection() as connection, connection.transaction():
            if ordered:
                await connection.execute("SELECT pg_advisory_xact_lock($1)", ORDER_LOCK)
            yield connection


async def _leave_as_it_is(_connection: Any) -> None:
    """asyncpg has rolled back what was open. Its own reset would cost a round trip after every use, to undo
    what nothing here does: session-wide settings, locks, cursors and listeners."""


async def _prepare_connection(connection: Any) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name,
            schema="pg_catalog",
            encoder=lambda value: orjson.dumps(value).decode(),
            decoder=orjson.loads,
        )
