"""The schema comes up from nothing, a second run has nothing to do, and what is not ours is refused."""

import psycopg
import pytest

from cluster.errors import SetupError
from db.migrate import check, current, head, migrate
from db.pool import Pool


def empty(url: str) -> str:
    """A database without anything, beside the one of `url`."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url


async def test_migrating_twice_runs_nothing_the_second_time(database_url: str) -> None:
    assert migrate(database_url) == []
    assert current(database_url) == head()


async def test_from_nothing_every_revision_runs_in_order(database_url: str) -> None:
    ran = migrate(empty(database_url))
    assert ran[0] == "0001"
    assert ran[-1] == head() == current(database_url)
    check(database_url)


async def test_a_schema_that_is_behind_is_said_with_the_mend(database_url: str) -> None:
    with pytest.raises(SetupError, match="socialflow up"):
        check(empty(database_url))


async def test_a_newer_schema_is_left_alone(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SetupError, match=r"9999.*newer Social Flow"):
        migrate(database_url)


async def test_another_programs_database_is_left_alone(database_url: str) -> None:
    with psycopg.connect(empty(database_url), autocommit=True) as connection:
        connection.execute("CREATE TABLE accounts (name text)")
        connection.execute("INSERT INTO accounts VALUES ('theirs')")
    with pytest.raises(SetupError, match="another program's"):
        migrate(database_url)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT name FROM accounts").fetchall() == [("theirs",)]


def test_no_server_is_a_sentence_without_the_password() -> None:
    with pytest.raises(SetupError) as raised:
        current("postgresql://me:pa55word@127.0.0.1:1/x")
    assert "SOCIALFLOW_POSTGRES_URL" in str(raised.value)
    assert "pa55word" not in str(raised.value)


async def test_ordered_ids_grow_strictly_within_one_statement(pool: Pool) -> None:
    async with pool.transaction(ordered=True) as connection:
        rows = await connection.fetch("SELECT mint_ordered_id() AS id FROM generate_series(1, 1000)")
    ids = [row["id"] for row in rows]
    assert ids == sorted(set(ids))
