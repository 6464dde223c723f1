"""How far somebody has read a direct conversation, and where it was dismissed."""

from alembic import op

revision = "0030"
down_revision = "0007"

SQL = """
CREATE TABLE conversation_reads (
    account_id       bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    conversation_id  bigint NOT NULL,
    last_read_id     bigint NOT NULL DEFAULT 0,
    hidden_until_id  bigint NOT NULL DEFAULT 0,     -- dismissed: only what came later shows it again
    PRIMARY KEY (account_id, conversation_id)
);

-- Few statuses are direct: a small index, and nothing to pay for the others.
CREATE INDEX statuses_direct ON statuses (account_id, id) WHERE visibility = 'direct';
"""


def upgrade() -> None:
    op.execute(SQL)
