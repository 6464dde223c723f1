"""People: public profiles, private users, and their counts."""

from alembic import op

revision = "0002"
down_revision = "0001"

SQL = """
CREATE TABLE accounts (
    id            bigint PRIMARY KEY DEFAULT mint_id(),
    username      citext NOT NULL UNIQUE,
    display_name  text NOT NULL DEFAULT '',
    note          text NOT NULL DEFAULT '',       -- as typed
    note_html     text NOT NULL DEFAULT '',       -- safe HTML made from it
    fields        jsonb NOT NULL DEFAULT '[]',    -- [{name, value, value_html, verified_at}]
    avatar_key    text,                           -- object in blobs
    header_key    text,
    locked        boolean NOT NULL DEFAULT false,
    bot           boolean NOT NULL DEFAULT false,
    discoverable  boolean NOT NULL DEFAULT true,
    indexable     boolean NOT NULL DEFAULT true,
    hide_collections boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now(),
    suspended_at  timestamptz
);
CREATE INDEX accounts_username_prefix ON accounts (lower(username::text) text_pattern_ops);
CREATE INDEX accounts_trgm ON accounts USING gin ((username::text || ' ' || display_name) gin_trgm_ops);

CREATE TABLE users (
    account_id        bigint PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    email             citext NOT NULL UNIQUE,
    password_hash     text NOT NULL,
    role              text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'moderator', 'admin', 'owner')),
    locale            text NOT NULL DEFAULT 'en',
    demo              boolean NOT NULL DEFAULT false,  -- a login of the demo world: refused off loopback
    default_privacy   text NOT NULL DEFAULT 'public',
    default_sensitive boolean NOT NULL DEFAULT false,
    default_language  text,
    created_at        timestamptz NOT NULL DEFAULT now()
);

-- Apart from accounts, so that a busy counter rewrites 40 bytes and not a profile.
CREATE TABLE account_stats (
    account_id      bigint PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    statuses        integer NOT NULL DEFAULT 0,
    followers       integer NOT NULL DEFAULT 0,
    following       integer NOT NULL DEFAULT 0,
    last_status_at  timestamptz
) WITH (fillfactor = 70);
"""


def upgrade() -> None:
    op.execute(SQL)
