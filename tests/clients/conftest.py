"""Fixtures of the clients ring: a live server as the api ring has it, and the clients from outside."""

from pathlib import Path

import pytest

from tests.api.conftest import live_server
from tests.clients import needs

__all__ = ["live_server"]


@pytest.fixture(scope="session", autouse=True)
def browser() -> str:
    """Chromium, installed when it is not."""
    return needs.program("chromium", "chromium-browser", "google-chrome", package="chromium")


@pytest.fixture(scope="session")
def javascript() -> Path:
    """The folder with masto.js installed."""
    return needs.npm_packages()
