"""Favourites, bookmarks, pins, notifications and read markers."""

from alembic import op

revision = "0006"
down_revision = "0005"

SQL = """
CREATE TABLE favourites (
    account_id  bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    status_id   bigint NOT NULL REFERENCES statuses ON DELETE CASCADE,
    id          bigint NOT NULL DEFAULT mint_id(),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, status_id)
);
CREATE INDEX favourites_account ON favourites (account_id, id);
CREATE INDEX favourites_status ON favourites (status_id, id);

CREATE TABLE bookmarks (
    account_id  bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    status_id   bigint NOT NULL REFERENCES statuses ON DELETE CASCADE,
    id          bigint NOT NULL DEFAULT mint_id(),
    PRIMARY KEY (account_id, status_id)
);
CREATE INDEX bookmarks_account ON bookmarks (account_id, id);

CREATE TABLE pins (
    account_id  bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    status_id   bigint NOT NULL REFERENCES statuses ON DELETE CASCADE,
    id          bigint NOT NULL DEFAULT mint_id(),
    PRIMARY KEY (account_id, status_id)
);

CREATE TABLE conversation_mutes (
    account_id       bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    conversation_id  bigint NOT NULL,
    PRIMARY KEY (account_id, conversation_id)
);

CREATE TABLE notifications (
    id               bigint PRIMARY KEY DEFAULT mint_ordered_id(),
    account_id       bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,  -- whom it is for
    type             text NOT NULL,
    from_account_id  bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    status_id        bigint REFERENCES statuses ON DELETE CASCADE,
    created_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX notifications_account ON notifications (account_id, id);
CREATE INDEX notifications_status ON notifications (status_id) WHERE status_id IS NOT NULL;
-- The same act notifies once: like, unlike and like again is one notification. Edits notify each time.
CREATE UNIQUE INDEX notifications_once
    ON notifications (account_id, type, from_account_id, coalesce(status_id, 0)) WHERE type <> 'update';

CREATE TABLE markers (
    account_id    bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    timeline      text NOT NULL CHECK (timeline IN ('home', 'notifications')),
    last_read_id  bigint NOT NULL,
    version       integer NOT NULL DEFAULT 0,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, timeline)
);
"""


def upgrade() -> None:
    op.execute(SQL)
