"""Brings the schema up to date with Alembic, under an advisory lock so that two starters do not race."""

from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from cluster.errors import SetupError

MIGRATION_LOCK = 7_301_000
_FOLDER = Path(__file__).parent / "migrations"


def _script() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return ScriptDirectory.from_config(config)


def head() -> str:
    """The revision that this code needs."""
    revision = _script().get_current_head()
    assert revision is not None, "there are no migrations"
    return revision


def migrate(url: str) -> list[str]:
    """Run what is missing; returns the revisions that ran. Raises SetupError for a schema newer than this code."""
    script = _script()
    target = head()
    ran: list[str] = []
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
            current = MigrationContext.configure(connection).get_current_revision()
            known = {revision.revision for revision in script.walk_revisions()}
            if current is not None and current not in known:
                raise SetupError(
                    f"the database has schema {current}, which this version does not know (it needs {target}): "
                    "start the newer Social Flow that made it, or use another home"
                )
            if current != target:

                def upgrade(revision: object, _context: object) -> list[object]:
                    steps = script._upgrade_revs(target, revision)  # type: ignore[arg-type]
                    ran.extend(step.revision.revision for step in steps)  # type: ignore[union-attr]
                    return list(steps)

                config = Config()
                config.set_main_option("script_location", str(_FOLDER))
                with EnvironmentContext(config, script, fn=upgrade) as environment:
                    environment.configure(connection=connection, fn=upgrade, transaction_per_migration=True)
                    with environment.begin_transaction():
                        environment.run_migrations()
            connection.commit()
    finally:
        engine.dispose()
    return ran
