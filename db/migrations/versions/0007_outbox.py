"""The outbox, and who owns which slot."""

from alembic import op

revision = "0007"
down_revision = "0006"

SQL = """
-- Written in the transaction that a row describes. (tx, id) orders rows for sweeping: rows whose tx is
-- below the oldest running transaction can never be joined by an earlier one.
CREATE TABLE outbox (
    tx          xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id          bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind        text NOT NULL,
    members     jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tx, id)
);
CREATE INDEX outbox_created ON outbox (created_at);

CREATE TABLE shards (
    name           text PRIMARY KEY,
    kind           text NOT NULL CHECK (kind IN ('feeds', 'sessions')),
    epoch          bigint NOT NULL DEFAULT 0,       -- grows each time an actor takes the shard over
    lease_until    timestamptz NOT NULL DEFAULT now(),
    outbox_tx      xid8 NOT NULL DEFAULT '0',       -- swept up to here
    outbox_id      bigint NOT NULL DEFAULT 0,
    started_at     timestamptz
);

CREATE TABLE slots (
    kind   text NOT NULL CHECK (kind IN ('feeds', 'sessions')),
    slot   smallint NOT NULL,
    shard  text NOT NULL REFERENCES shards,
    epoch  bigint NOT NULL DEFAULT 0,               -- grows with every change of owner
    PRIMARY KEY (kind, slot)
);
"""


def upgrade() -> None:
    op.execute(SQL)
