"""Rings and fixtures: one embedded Postgres and one Valkey a run, one fresh database a test that asks.

unit     no Ray, no sockets (both are errors there)
db       Postgres and Valkey
api      the real app over ASGI, the same state objects behind in-process handles
cluster  real Ray
clients  Chromium and JavaScript clients; `make test-clients`
"""

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import psutil
import psycopg
import pytest
import uvloop

from cluster.settings import Postgres
from db.migrate import migrate
from db.pool import Pool
from deployments.home import Home
from deployments.postgres import EmbeddedPostgres
from deployments.processes import end_leftovers
from deployments.valkey import EmbeddedValkey

HOME_PREFIX = "sf-test-"  # + pid of the run
TEMPLATE = "template_socialflow"
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}

_numbers = itertools.count(1)


def pytest_configure() -> None:
    """A run that is told to end clears up, as one that is interrupted does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_asyncio_loop_factories() -> dict[str, object]:
    """uvloop, as in production."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def test_home() -> Iterator[Home]:
    """A throw-away home for the servers of this run. What killed runs left is cleared away first."""
    for left in Path(tempfile.gettempdir()).glob(f"{HOME_PREFIX}*"):
        if not psutil.pid_exists(int(left.name.removeprefix(HOME_PREFIX).split("-")[0])):
            end_leftovers(Home(left))
            _remove(Home(left))
    home = Home(Path(tempfile.mkdtemp(prefix=f"{HOME_PREFIX}{os.getpid()}-")))
    home.prepare()
    yield home
    _remove(home)


def _remove(home: Home) -> None:
    for folder in (home.root, home.run):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(test_home: Home) -> Iterator[str]:
    """URL of a migrated template database on a throw-away server."""
    server = EmbeddedPostgres(test_home, tuning=FAST)
    server.start()
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate(server.url(TEMPLATE))
    yield server.url(TEMPLATE)
    server.stop()


@pytest.fixture
async def database_url(postgres_server: str) -> AsyncIterator[str]:
    """URL of a fresh database with the current schema."""
    name = f"test_{next(_numbers)}"
    admin = await asyncpg.connect(postgres_server.replace(TEMPLATE, "postgres"))
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    yield postgres_server.replace(TEMPLATE, name)
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
def redis_url(test_home: Home) -> Iterator[str]:
    """URL of a throw-away Valkey."""
    server = EmbeddedValkey(test_home)
    server.start()
    yield server.url
    server.stop()
