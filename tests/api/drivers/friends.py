"""What the drivers share: a person with a client, a small picture, waiting for what comes later."""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from mastodon import Mastodon
from PIL import Image

from tests.api.world import Person

WAIT_S = 5.0
VERSION = "4.5.0"  # told rather than asked: it saves two requests a client


@dataclass(frozen=True, slots=True)
class Friend:
    """Somebody, and the Mastodon.py that they use."""

    person: Person
    api: Mastodon

    @property
    def id(self) -> str:
        return self.person.id

    @property
    def name(self) -> str:
        return self.person.username


def client_of(url: str, token: str | None = None) -> Mastodon:
    """Mastodon.py that refuses what Mastodon 4.5 does not have, and never waits for a rate limit."""
    return Mastodon(
        access_token=token,
        api_base_url=url,
        ratelimit_method="throw",
        version_check_mode="created",
        mastodon_version=VERSION,
    )


def picture(width: int = 64, height: int = 48, *, kind: str = "PNG", colour: str = "teal") -> io.BytesIO:
    """An image file, from its beginning."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, kind)
    file.seek(0)
    return file


def eventually(check: Callable[[], Any]) -> Any:
    """The first true answer of `check`."""
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        if found := check():
            return found
        time.sleep(0.02)
    return pytest.fail("it did not come true in time")


def texts(statuses: list[Any]) -> list[str]:
    """What was typed, of statuses that are one paragraph of plain text."""
    return [status.content.removeprefix("<p>").removesuffix("</p>") for status in statuses]
