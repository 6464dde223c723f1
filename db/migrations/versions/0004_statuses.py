"""Statuses, what hangs on them, and media."""

from alembic import op

revision = "0004"
down_revision = "0003"

SQL = """
CREATE TABLE statuses (
    id                      bigint PRIMARY KEY DEFAULT mint_ordered_id(),
    account_id              bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    visibility              text NOT NULL CHECK (visibility IN ('public', 'unlisted', 'private', 'direct')),
    text                    text NOT NULL DEFAULT '',   -- as typed
    html                    text NOT NULL DEFAULT '',   -- safe HTML made from it
    spoiler_text            text NOT NULL DEFAULT '',
    sensitive               boolean NOT NULL DEFAULT false,
    language                text,
    in_reply_to_id          bigint REFERENCES statuses ON DELETE SET NULL,
    in_reply_to_account_id  bigint REFERENCES accounts ON DELETE SET NULL,
    conversation_id         bigint NOT NULL,            -- id of the thread's first status
    reblog_of_id            bigint REFERENCES statuses ON DELETE CASCADE,
    app_id                  bigint REFERENCES oauth_apps ON DELETE SET NULL,
    created_at              timestamptz NOT NULL DEFAULT now(),
    edited_at               timestamptz
);
CREATE INDEX statuses_account ON statuses (account_id, id);
CREATE INDEX statuses_public ON statuses (id)
    WHERE visibility = 'public' AND reblog_of_id IS NULL;
CREATE INDEX statuses_reply ON statuses (in_reply_to_id) WHERE in_reply_to_id IS NOT NULL;
CREATE UNIQUE INDEX statuses_reblog ON statuses (reblog_of_id, account_id) WHERE reblog_of_id IS NOT NULL;
CREATE INDEX statuses_conversation ON statuses (conversation_id, id) WHERE reblog_of_id IS NULL;

CREATE TABLE status_stats (
    status_id   bigint PRIMARY KEY REFERENCES statuses ON DELETE CASCADE,
    replies     integer NOT NULL DEFAULT 0,
    reblogs     integer NOT NULL DEFAULT 0,
    favourites  integer NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

CREATE TABLE status_edits (
    id            bigint PRIMARY KEY DEFAULT mint_id(),
    status_id     bigint NOT NULL REFERENCES statuses ON DELETE CASCADE,
    text          text NOT NULL,
    html          text NOT NULL,
    spoiler_text  text NOT NULL,
    sensitive     boolean NOT NULL,
    media_ids     bigint[] NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL              -- when this version became the current one
);
CREATE INDEX status_edits_status ON status_edits (status_id, id);

CREATE TABLE status_mentions (
    status_id   bigint NOT NULL REFERENCES statuses ON DELETE CASCADE,
    account_id  bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    PRIMARY KEY (status_id, account_id)
);
CREATE INDEX status_mentions_account ON status_mentions (account_id, status_id);

CREATE TABLE tags (
    id         bigint PRIMARY KEY DEFAULT mint_id(),
    name       text NOT NULL UNIQUE,                -- normalised: lower case, no '#'
    display    text NOT NULL,                       -- as first typed
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX tags_prefix ON tags (name text_pattern_ops);

CREATE TABLE status_tags (
    tag_id     bigint NOT NULL REFERENCES tags ON DELETE CASCADE,
    status_id  bigint NOT NULL REFERENCES statuses ON DELETE CASCADE,
    PRIMARY KEY (tag_id, status_id)
);
CREATE INDEX status_tags_status ON status_tags (status_id);

CREATE TABLE media (
    id           bigint PRIMARY KEY DEFAULT mint_id(),
    account_id   bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    status_id    bigint REFERENCES statuses ON DELETE SET NULL,
    position     smallint NOT NULL DEFAULT 0,
    type         text NOT NULL,                     -- image, gifv, video, audio
    content_type text NOT NULL,
    key          text NOT NULL,                     -- object in blobs
    preview_key  text,
    meta         jsonb NOT NULL DEFAULT '{}',       -- {original: {width, height, size, aspect}, small, focus}
    blurhash     text,
    description  text,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX media_status ON media (status_id, position) WHERE status_id IS NOT NULL;
CREATE INDEX media_unattached ON media (created_at) WHERE status_id IS NULL;

-- An Idempotency-Key repeats the answer of the request that it first came with.
CREATE TABLE idempotency_keys (
    account_id  bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    key         text NOT NULL,
    status_id   bigint NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
"""


def upgrade() -> None:
    op.execute(SQL)
