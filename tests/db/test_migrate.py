"""The schema comes up from nothing, and a second run has nothing to do."""

from db.migrate import head, migrate
from db.pool import Pool


async def test_migrating_twice_runs_nothing_the_second_time(database_url: str) -> None:
    assert migrate(database_url) == []


async def test_ordered_ids_grow_strictly_within_one_statement(pool: Pool) -> None:
    async with pool.transaction(ordered=True) as connection:
        rows = await connection.fetch("SELECT mint_ordered_id() AS id FROM generate_series(1, 1000)")
    ids = [row["id"] for row in rows]
    assert ids == sorted(set(ids))


def test_the_head_is_the_last_revision() -> None:
    assert head() >= "0007"
