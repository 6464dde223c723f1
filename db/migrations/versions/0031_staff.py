"""Staff are few: the instance documents find them without reading all users."""

from alembic import op

revision = "0031"
down_revision = "0030"

SQL = "CREATE INDEX users_staff ON users (role, account_id) WHERE role IN ('owner', 'admin');"


def upgrade() -> None:
    op.execute(SQL)
