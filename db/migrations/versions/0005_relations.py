"""Who follows, asks, blocks and mutes whom; lists."""

from alembic import op

revision = "0005"
down_revision = "0004"

SQL = """
CREATE TABLE follows (
    account_id    bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    target_id     bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    id            bigint NOT NULL DEFAULT mint_id(),
    show_reblogs  boolean NOT NULL DEFAULT true,
    notify        boolean NOT NULL DEFAULT false,
    languages     text[],
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, target_id),
    CHECK (account_id <> target_id)
);
CREATE INDEX follows_following ON follows (account_id, id);
CREATE INDEX follows_followers ON follows (target_id, id);
CREATE INDEX follows_notify ON follows (target_id) WHERE notify;

CREATE TABLE follow_requests (
    account_id    bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    target_id     bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    id            bigint NOT NULL DEFAULT mint_id(),
    show_reblogs  boolean NOT NULL DEFAULT true,
    notify        boolean NOT NULL DEFAULT false,
    languages     text[],
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, target_id)
);
CREATE INDEX follow_requests_target ON follow_requests (target_id, id);

CREATE TABLE blocks (
    account_id  bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    target_id   bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    id          bigint NOT NULL DEFAULT mint_id(),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, target_id)
);
CREATE INDEX blocks_target ON blocks (target_id);

CREATE TABLE mutes (
    account_id          bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    target_id           bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    id                  bigint NOT NULL DEFAULT mint_id(),
    hide_notifications  boolean NOT NULL DEFAULT true,
    expires_at          timestamptz,
    created_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, target_id)
);

CREATE TABLE lists (
    id              bigint PRIMARY KEY DEFAULT mint_id(),
    account_id      bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    title           text NOT NULL,
    replies_policy  text NOT NULL DEFAULT 'list' CHECK (replies_policy IN ('followed', 'list', 'none')),
    exclusive       boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX lists_account ON lists (account_id, id);

CREATE TABLE list_members (
    list_id     bigint NOT NULL REFERENCES lists ON DELETE CASCADE,
    account_id  bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    id          bigint NOT NULL DEFAULT mint_id(),
    PRIMARY KEY (list_id, account_id)
);
"""


def upgrade() -> None:
    op.execute(SQL)
