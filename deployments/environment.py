"""Settings of one home: the environment, then the command line, then what the home itself supplies."""

import ipaddress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, SecretStr, ValidationError

from cluster.errors import SetupError
from cluster.settings import PLACEHOLDER_SECRET, Settings
from deployments.home import Home
from deployments.postgres import EmbeddedPostgres
from deployments.valkey import EmbeddedValkey

Seed = Literal["demo", "none"]


def load(
    *,
    home: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    public_url: str | None = None,
    seed: Seed = "demo",
) -> tuple[Settings, Home]:
    """The effective settings and their home. Raises SetupError for what cannot be meant."""
    try:
        settings = Settings()
    except ValidationError as error:
        raise SetupError(_explain(error)) from error
    web: dict[str, Any] = {"host": host, "port": port, "public_url": public_url}
    changes: dict[str, Any] = {
        "web": settings.web.model_copy(
            update={name: value for name, value in web.items() if value is not None}
        )
    }
    if home is not None:
        changes["home"] = home
    settings = settings.model_copy(update=changes).effective()
    _check_web(settings)
    place = Home(settings.home)
    return _with_profile(_with_servers(settings, place), seed), place


def with_secrets(settings: Settings, home: Home) -> Settings:
    """The settings with this home's own secret, unless one is configured. Makes the file on first use."""
    if settings.auth.secret.get_secret_value() != PLACEHOLDER_SECRET:
        return settings
    auth = settings.auth.model_copy(update={"secret": SecretStr(home.secret("secret"))})
    return settings.model_copy(update={"auth": auth})


def is_embedded_postgres(settings: Settings, home: Home) -> bool:
    """Whether this home's own Postgres is used."""
    return settings.postgres.url == EmbeddedPostgres(home).url()


def is_embedded_valkey(settings: Settings, home: Home) -> bool:
    """Whether this home's own Valkey is used."""
    return settings.redis.url == EmbeddedValkey(home).url


def masked(settings: Settings) -> dict[str, Any]:
    """The tree for people: secrets and passwords inside URLs are stars."""
    tree = settings.model_dump(mode="json", exclude={"postgres_url", "redis_url", "limits_profile"})
    for section in ("postgres", "redis"):
        tree[section]["url"] = mask_url(tree[section]["url"])
    return tree


def mask_url(url: str) -> str:
    """The URL without its password."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")))


def _with_servers(settings: Settings, home: Home) -> Settings:
    changes: dict[str, BaseModel] = {}
    if not settings.postgres.url:
        url = EmbeddedPostgres(home).url()
        changes["postgres"] = settings.postgres.model_copy(update={"url": url})
    if not settings.redis.url:
        changes["redis"] = settings.redis.model_copy(update={"url": EmbeddedValkey(home).url})
    return settings.model_copy(update=changes)


def _with_profile(settings: Settings, seed: Seed) -> Settings:
    chosen = bool(settings.limits_profile) or "profile" in settings.limits.model_fields_set
    if not chosen and seed == "demo" and settings.on_loopback and settings.environment == "development":
        limits = settings.limits.model_copy(update={"profile": "development"})
        settings = settings.model_copy(update={"limits": limits})
    if settings.limits.profile == "development" and "password_profile" not in settings.auth.model_fields_set:
        auth = settings.auth.model_copy(update={"password_profile": "cheap"})
        settings = settings.model_copy(update={"auth": auth})
    return settings


def _check_web(settings: Settings) -> None:
    if not 1 <= settings.web.port <= 65535:
        raise SetupError(
            f"port {settings.web.port} does not exist: choose one between 1 and 65535 with --port"
        )
    url = urlsplit(settings.public_url)
    if url.scheme not in ("http", "https") or not url.hostname or url.path or url.query:
        raise SetupError(
            f"{settings.public_url!r} is not a public URL: give one like https://social.example "
            "with --public-url"
        )
    for network in settings.web.trusted_proxies:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise SetupError(
                f'SOCIALFLOW_WEB__TRUSTED_PROXIES: {error}; give networks like ["10.0.0.0/8"]'
            ) from error


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    name = f"SOCIALFLOW_{'__'.join(path).upper()}: " if path else ""
    return f"{name}{first['msg'].removeprefix('Value error, ')}: set it right, or unset it"
