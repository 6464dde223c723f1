"""Settings of one home: what wins over what, and what is refused with a sentence."""

from pathlib import Path

import pytest

from cluster.errors import SetupError
from deployments.environment import is_embedded_postgres, load, mask_url, masked, with_secrets


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("SOCIALFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SOCIALFLOW_HOME", str(tmp_path))


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOCIALFLOW_WEB__PORT", "9000")
    assert load()[0].web.port == 9000
    settings, home = load(port=9001, home=tmp_path / "other")
    assert settings.web.port == 9001
    assert home.root == settings.home == tmp_path / "other"


def test_without_urls_the_servers_are_this_homes_own(monkeypatch: pytest.MonkeyPatch) -> None:
    settings, home = load()
    assert is_embedded_postgres(settings, home)
    assert str(home.run) in settings.redis.url
    monkeypatch.setenv("SOCIALFLOW_POSTGRES_URL", "postgresql://elsewhere/x")
    settings, home = load()
    assert not is_embedded_postgres(settings, home)


@pytest.mark.parametrize(
    ("options", "profile"),
    [
        ({}, "development"),
        ({"seed": "none"}, "production"),
        ({"host": "0.0.0.0"}, "production"),
        ({"host": "::"}, "production"),
        ({"host": "localhost"}, "development"),
        ({"host": "::1"}, "development"),
        ({"public_url": "https://social.example"}, "production"),  # a proxy is in front: others do reach it
    ],
)
def test_limits_are_loose_only_where_nobody_else_comes(options: dict[str, str], profile: str) -> None:
    settings, _ = load(**options)  # type: ignore[arg-type]
    assert settings.limits.profile == profile
    assert settings.auth.password_profile == {"development": "cheap", "production": "strong"}[profile]


def test_a_profile_that_is_asked_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCIALFLOW_LIMITS_PROFILE", "production")
    assert load()[0].limits.profile == "production"
    monkeypatch.setenv("SOCIALFLOW_LIMITS_PROFILE", "development")
    assert load(host="0.0.0.0")[0].limits.profile == "development"


def test_production_wants_a_secret_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCIALFLOW_ENVIRONMENT", "production")
    with pytest.raises(SetupError, match="placeholder"):
        load()
    monkeypatch.setenv("SOCIALFLOW_AUTH__SECRET", "s" * 40)
    settings, home = load()
    assert with_secrets(settings, home).auth.secret.get_secret_value() == "s" * 40


def test_in_development_a_home_makes_its_secret_once(tmp_path: Path) -> None:
    settings, home = load()
    first = with_secrets(settings, home).auth.secret.get_secret_value()
    again = with_secrets(*load()).auth.secret.get_secret_value()
    other = with_secrets(*load(home=_made(tmp_path / "other"))).auth.secret.get_secret_value()
    assert first == again != other
    assert len(first) >= 32
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SOCIALFLOW_WEB__PORT", "eighty"),
        ("SOCIALFLOW_WEB__PORTS", "80"),
        ("SOCIALFLOW_FEEDS__SHARDS", "0"),
        ("SOCIALFLOW_WEB__TRUSTED_PROXIES", '["not a network"]'),
        ("SOCIALFLOW_WEB__PUBLIC_URL", "ftp://x"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SetupError) as raised:
        load()
    assert "\n" not in str(raised.value)


def test_shown_settings_hide_what_is_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCIALFLOW_AUTH__SECRET", "very secret indeed")
    monkeypatch.setenv("SOCIALFLOW_S3__SECRET_KEY", "also secret")
    monkeypatch.setenv("SOCIALFLOW_REDIS_URL", "redis://:hunter2@cache.example/0")
    shown = str(masked(load()[0]))
    assert "secret indeed" not in shown
    assert "also secret" not in shown
    assert "hunter2" not in shown
    assert "cache.example" in shown


def test_a_url_without_a_password_is_shown_as_it_is() -> None:
    assert mask_url("postgresql://me@/db?host=/run/pg") == "postgresql://me@/db?host=/run/pg"


def _made(path: Path) -> Path:
    path.mkdir()
    return path
