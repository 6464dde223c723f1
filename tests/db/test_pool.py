"""Connections come back as they were lent, and lending one costs nothing on the wire."""

import asyncio

import pytest

from cluster.settings import Postgres
from db.pool import Pool


@pytest.fixture
def single(database_url: str) -> Pool:
    """A pool of one connection, so that everybody gets the same."""
    return Pool(Postgres(url=database_url, pool_max=1))


async def test_a_failed_transaction_leaves_nothing_behind(single: Pool) -> None:
    with pytest.raises(RuntimeError):
        async with single.transaction() as conn:
            await conn.execute("INSERT INTO tags (name, display) VALUES ('x', 'x')")
            raise RuntimeError
    async with single.connection() as conn:
        assert not conn.is_in_transaction()
        assert await conn.fetchval("SELECT count(*) FROM tags") == 0
    await single.close()


async def test_a_cancelled_transaction_leaves_nothing_behind(single: Pool) -> None:
    started = asyncio.Event()

    async def slow() -> None:
        async with single.transaction(ordered=True) as conn:
            await conn.execute("INSERT INTO tags (name, display) VALUES ('x', 'x')")
            started.set()
            await conn.execute("SELECT pg_sleep(10)")

    for _ in range(3):
        started.clear()
        task = asyncio.create_task(slow())
        await started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(5), single.transaction(ordered=True) as conn:
        assert await conn.fetchval("SELECT count(*) FROM tags") == 0
        assert await conn.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 1
    await single.close()


async def test_a_connection_costs_no_statement_of_its_own(single: Pool, pool: Pool) -> None:
    async with single.connection() as conn:
        process = await conn.fetchval("SELECT pg_backend_pid()")
    async with pool.connection() as conn:
        last = await conn.fetchval("SELECT query FROM pg_stat_activity WHERE pid = $1", process)
    assert last == "SELECT pg_backend_pid()"
    await single.close()
