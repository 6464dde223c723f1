"""Alembic revisions in plain SQL, forward only, one idea each. `db/migrate.py` runs them."""
