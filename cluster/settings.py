"""Every tunable of Social Flow: typed, frozen, sections by owner, units last in the name.

Read once (in `deployments`) from the environment with the prefix `SOCIALFLOW_` and handed down as values;
`SOCIALFLOW_FEEDS__SHARDS=4` sets `feeds.shards`. Reading the environment anywhere else is a lint error.
"""

import ipaddress
from functools import cached_property
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PLACEHOLDER_SECRET = "change-me"


class Section(BaseModel):
    """A frozen group of settings; an unknown name is an error, not silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Web(Section):
    """What the API port is and whom it believes."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    public_url: str = ""  # what clients see; empty: http://host:port
    trusted_proxies: tuple[
        str, ...
    ] = ()  # networks whose X-Forwarded-* headers are believed; empty: nobody's
    body_bytes_max: int = 1024 * 1024  # a JSON or form body; Mastodon's largest real request is under 100 KB
    upload_bytes_max: int = 16 * 1024 * 1024  # an image, as Mastodon's image_size_limit
    api_replicas: int = Field(1, ge=1)
    gateway_replicas: int = Field(1, ge=1)
    sockets_max: int = 20_000  # websockets per gateway replica; each holds one Serve slot
    requests_max: int = 512  # requests in flight per API replica; beyond: 503 with Retry-After


class Postgres(Section):
    """Connections to the truth."""

    url: str = ""  # empty: the embedded server of this home
    pool_min: int = 1
    pool_max: int = 10  # per process; 2 cores do not profit from more
    statement_timeout_ms: int = 5_000
    acquire_timeout_ms: int = 2_000  # waiting longer for a connection is overload: 503


class Redis(Section):
    """Valkey or Redis 7+: events between processes, rate-limit buckets."""

    url: str = ""  # empty: the embedded server of this home


class S3(Section):
    """Object storage; without a bucket, media live in a directory of the home."""

    bucket: str = ""
    endpoint_url: str = ""
    region: str = "us-east-1"
    access_key: SecretStr = SecretStr("")
    secret_key: SecretStr = SecretStr("")
    public_url: str = ""  # where browsers fetch objects; empty: through this server


class Auth(Section):
    """Passwords, tokens, sign-in."""

    secret: SecretStr = SecretStr(PLACEHOLDER_SECRET)  # signs cookies and CSRF tokens, derives refresh tokens
    password_profile: Literal["strong", "cheap"] = "strong"  # argon2id: RFC 9106's second profile, or tests'
    password_length_min: int = 8  # as Mastodon
    password_grant: bool = False  # RFC 6749 4.3 is discouraged by RFC 9700; off unless asked for
    registrations: Literal["open", "closed"] = "open"
    code_ttl_s: int = 600  # authorization codes; RFC 6749 4.1.2 recommends 10 minutes at most
    access_ttl_s: int = 3600  # only for clients that asked for offline_access
    refresh_ttl_s: int = 90 * 86400
    refresh_reuse_grace_s: int = 30  # a repeated refresh within this time gets the same successor
    signing_key_ttl_s: int = (
        30 * 86400
    )  # a new key signs after this; old ones verify while a session names them
    cookie_ttl_s: int = 30 * 86400
    revocation_lag_s_max: float = 1.0  # without news for longer, a replica asks the session shard


class Feeds(Section):
    """Home feeds in the feed shards."""

    shards: int = Field(2, ge=1)  # one a core
    length_max: int = 600  # entries in a ring; older pages come from Postgres
    users_max: int = 200_000  # rings per shard, 4.9 KB each; the least recently read goes first
    merge_followers_min: int = 1_000_000  # authors with more followers are merged at read time, not pushed
    tick_ms: float = 1.0  # how long a shard gathers before it publishes one batch per replica
    call_timeout_ms: int = 400  # one call to a shard (RAY.md: a killed one is noticed only after 1.4-2.0 s)
    nudge_wait_ms: int = 50  # how long a write waits to be seen by the shards; the sweep delivers anyway
    sweep_ms: int = 250  # how often a shard reads the outbox for what it was not told
    queue_max: int = 50_000  # events waiting in one handle; beyond, the sweep has to deliver
    outbox_keep_s: int = 86_400  # how long outbox rows are kept after every shard has passed them
    lease_ms: int = 3_000  # a shard that could not renew for this long stops answering reads
    lease_renew_ms: int = 1_000
    replica_batches_max: int = 2_000  # batches kept per replica for catching up after a gap
    replica_ttl_s: int = 30  # a replica that did not renew its registration for this long is forgotten
    heads_max: int = 50_000  # home heads that one API replica keeps in step with the shards
    head_length: int = 80  # entries in such a head: two of the largest pages


class Sessions(Section):
    """Session shards: one writer per session family."""

    shards: int = Field(1, ge=1)
    heartbeat_ms: int = 250  # news on the revocation channel, also when there is none
    call_timeout_ms: int = 500


class Streaming(Section):
    """Websockets and server-sent events."""

    heartbeat_s: float = 15.0  # SSE comment / websocket ping; proxies cut idle sockets at 30-60 s
    send_queue_max: int = (
        512  # events waiting for one slow reader; beyond, it is cut off with a code that says so
    )
    subscriptions_max: int = 50  # streams on one socket
    sockets_per_account_max: int = 50


class Statuses(Section):
    """What a post may hold."""

    characters_max: int = 500
    url_characters: int = 23  # what a link counts for, whatever its length (as Mastodon)
    media_max: int = 4
    pins_max: int = 5
    commit_batch_max: int = 256  # posts that share one commit
    commit_queue_max: int = 2_000  # posts waiting for a commit; beyond: 503
    idempotency_ttl_s: int = 3600  # as Mastodon


class Media(Section):
    """Images; video comes with the video pipeline."""

    pixels_max: int = (
        8_294_400 * 4
    )  # 33 megapixels, as Mastodon's image_matrix_limit; larger is refused unread
    thumbnail_pixels_max: int = 230_400  # 640 x 360, as Mastodon
    description_characters_max: int = 1_500
    unattached_keep_s: int = 86_400


class Caches(Section):
    """Bounds of the caches in one API or gateway replica. Entries, not bytes."""

    statuses_max: int = 50_000  # rendered statuses, about 3 KB each
    accounts_max: int = 20_000
    viewers_max: int = 5_000  # what one person blocks, mutes, follows and has reacted to
    tokens_max: int = 50_000  # verified access tokens


class Limits(Section):
    """Rate limits. `production` has Mastodon's numbers; `development` multiplies them."""

    profile: Literal["production", "development"] = "production"
    development_factor: int = 100
    enabled: bool = True

    @property
    def factor(self) -> int:
        """What every limit is multiplied with."""
        return self.development_factor if self.profile == "development" else 1


class Bench(Section):
    """Only for `socialflow bench`."""

    static_route: bool = False  # serves fixed bytes, the yardstick that pages are compared with


class Settings(BaseSettings):
    """The whole tree. `home` holds everything that this instance keeps on disk."""

    model_config = SettingsConfigDict(
        env_prefix="SOCIALFLOW_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
    )

    home: Path = Path("~/.socialflow")
    environment: Literal["production", "development"] = "development"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool = True
    title: str = "Social Flow"
    contact_email: str = "admin@localhost"
    source_url: str = ""  # where this server's code is offered; empty: the server itself

    # Flat names that the README promises; the nested form works too.
    postgres_url: str = ""
    redis_url: str = ""
    limits_profile: Literal["", "production", "development"] = ""

    web: Web = Web()
    postgres: Postgres = Postgres()
    redis: Redis = Redis()
    s3: S3 = S3()
    auth: Auth = Auth()
    feeds: Feeds = Feeds()
    sessions: Sessions = Sessions()
    streaming: Streaming = Streaming()
    statuses: Statuses = Statuses()
    media: Media = Media()
    caches: Caches = Caches()
    limits: Limits = Limits()
    bench: Bench = Bench()

    @model_validator(mode="after")
    def _production_is_strict(self) -> Self:
        if self.environment == "production" and self.auth.secret.get_secret_value() == PLACEHOLDER_SECRET:
            raise ValueError(
                "auth.secret is a placeholder: set SOCIALFLOW_AUTH__SECRET to 32 or more random characters"
            )
        return self

    @cached_property
    def public_url(self) -> str:
        """The one URL that everything shown to clients derives from, without a trailing slash."""
        return (self.web.public_url or f"http://{_url_host(self.web.host)}:{self.web.port}").rstrip("/")

    @property
    def local_url(self) -> str:
        """Where this machine reaches the API port, whatever the server is called outside."""
        return f"http://{_url_host(self.web.host)}:{self.web.port}"

    @cached_property
    def domain(self) -> str:
        """Host and, unless it is the scheme's default, port of the public URL."""
        return urlsplit(self.public_url).netloc

    @cached_property
    def streaming_url(self) -> str:
        """Base of the websocket URL, as the instance documents give it."""
        scheme, rest = self.public_url.split("://", 1)
        return f"{'wss' if scheme == 'https' else 'ws'}://{rest}"

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine reaches the server: by its address, and by the name that it goes by."""
        return _is_loopback(self.web.host) and _is_loopback(urlsplit(self.public_url).hostname or "")

    def effective(self) -> Self:
        """The tree with the flat names moved into their sections."""
        changes: dict[str, object] = {"home": self.home.expanduser().resolve()}
        if self.postgres_url:
            changes["postgres"] = self.postgres.model_copy(update={"url": self.postgres_url})
        if self.redis_url:
            changes["redis"] = self.redis.model_copy(update={"url": self.redis_url})
        if self.limits_profile:
            changes["limits"] = self.limits.model_copy(update={"profile": self.limits_profile})
        return self.model_copy(update=changes)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url_host(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a wildcard cannot be dialled
    return f"[{host}]" if ":" in host else host
