"""OAuth 2 applications, codes, sessions and the keys that sign their tokens."""

from alembic import op

revision = "0003"
down_revision = "0002"

SQL = """
CREATE TABLE oauth_apps (
    id            bigint PRIMARY KEY DEFAULT mint_id(),
    client_id     text NOT NULL UNIQUE,
    secret_hash   bytea NOT NULL,                 -- sha256 of a 256-bit random secret
    name          text NOT NULL,
    website       text,
    redirect_uris text[] NOT NULL,
    scopes        text[] NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE oauth_signing_keys (
    kid         text PRIMARY KEY,
    private_key bytea NOT NULL,                   -- Ed25519, read by session shards only
    public_key  bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    retired_at  timestamptz                       -- set when no live session names it
);

CREATE TABLE oauth_sessions (
    id                bigint PRIMARY KEY DEFAULT mint_id(),
    account_id        bigint REFERENCES accounts ON DELETE CASCADE,  -- NULL: an app on its own
    app_id            bigint NOT NULL REFERENCES oauth_apps ON DELETE CASCADE,
    scopes            text[] NOT NULL,
    kid               text NOT NULL REFERENCES oauth_signing_keys,
    prior_kid         text,                            -- signed the access token before the last refresh
    offline           boolean NOT NULL DEFAULT false,  -- short access tokens and a refresh family
    created_at        timestamptz NOT NULL DEFAULT now(),
    last_used_at      timestamptz NOT NULL DEFAULT now(),
    revoked_at        timestamptz,
    revoked_reason    text
);
CREATE INDEX oauth_sessions_account ON oauth_sessions (account_id) WHERE revoked_at IS NULL;
CREATE INDEX oauth_sessions_kid ON oauth_sessions (kid);
CREATE INDEX oauth_sessions_revoked ON oauth_sessions (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE oauth_refresh_tokens (
    token_hash  bytea PRIMARY KEY,
    session_id  bigint NOT NULL REFERENCES oauth_sessions ON DELETE CASCADE,
    generation  integer NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);
CREATE INDEX oauth_refresh_tokens_session ON oauth_refresh_tokens (session_id);

CREATE TABLE oauth_codes (
    code_hash             bytea PRIMARY KEY,
    app_id                bigint NOT NULL REFERENCES oauth_apps ON DELETE CASCADE,
    account_id            bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    redirect_uri          text NOT NULL,
    scopes                text[] NOT NULL,
    code_challenge        text,
    expires_at            timestamptz NOT NULL,
    session_id            bigint                  -- set when exchanged; a second exchange revokes it
);
"""


def upgrade() -> None:
    op.execute(SQL)
