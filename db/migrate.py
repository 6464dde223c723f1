"""Brings the schema up to date with Alembic, under an advisory lock so that two starters do not race."""

import re
from pathlib import Path

import psycopg

from cluster.errors import SetupError

MIGRATION_LOCK = 7_301_000
_FOLDER = Path(__file__).parent / "migrations"
_REVISION = re.compile(r'^revision = "(.+)"$', re.MULTILINE)
_PARENT = re.compile(r'^down_revision = "(.+)"$', re.MULTILINE)


def head() -> str:
    """The revision that this code needs. Read from the files: importing Alembic takes half a second."""
    texts = [path.read_text() for path in (_FOLDER / "versions").glob("*.py")]
    revisions = {match.group(1) for text in texts if (match := _REVISION.search(text))}
    parents = {match.group(1) for text in texts if (match := _PARENT.search(text))}
    (newest,) = revisions - parents
    return newest


def current(url: str) -> str | None:
    """The revision of the database; None for an empty one. Raises SetupError when it cannot be reached."""
    try:
        with psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
            if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
                return None
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return None if row is None else str(row[0])
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise SetupError(
            f"Postgres does not answer ({reason}): check that it runs, and that SOCIALFLOW_POSTGRES_URL, "
            "if set, is right"
        ) from error


def check(url: str) -> None:
    """Raise SetupError unless the schema is the one that this code needs."""
    found, needed = current(url), head()
    if found != needed:
        raise SetupError(
            f"the database has schema {found or 'none'} and this version needs {needed}: start it once with "
            "`socialflow up`, which migrates"
        )


def migrate(url: str) -> list[str]:
    """Run what is missing; returns the revisions that ran. Raises SetupError for an unknown schema."""
    if current(url) == head():
        return []
    return _upgrade(url)


def _upgrade(url: str) -> list[str]:
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import DBAPIError

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    script = ScriptDirectory.from_config(config)
    target = head()
    ran: list[str] = []

    def missing(revision: object, _context: object) -> list[object]:
        steps = script._upgrade_revs(target, revision)  # type: ignore[arg-type]
        ran.extend(step.revision.revision for step in steps)
        return list(steps)

    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
            found = MigrationContext.configure(connection).get_current_revision()
            if found is not None and found not in {revision.revision for revision in script.walk_revisions()}:
                raise SetupError(
                    f"the database has schema {found}, which this version does not know (it needs {target}): "
                    "start the newer Social Flow that made it, or use another home"
                )
            with EnvironmentContext(config, script, fn=missing) as environment:
                environment.configure(connection=connection, fn=missing, transaction_per_migration=True)
                with environment.begin_transaction():
                    environment.run_migrations()
            connection.commit()
    except DBAPIError as error:
        revision = ran[-1] if ran else target
        raise SetupError(
            f"migration {revision} failed ({str(error.orig).strip().splitlines()[0]}): is this database "
            "another program's? Give Social Flow one of its own"
        ) from error
    finally:
        engine.dispose()
    return ran
