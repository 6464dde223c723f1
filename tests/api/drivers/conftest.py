"""People with a signed-in Mastodon.py of their own."""

import itertools
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog
from mastodon import Mastodon

from tests.api.conftest import LiveServer
from tests.api.drivers.friends import Friend, client_of

_numbers = itertools.count(1)

Meet = Callable[..., list[Friend]]


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """The server runs in a thread of this process: its log must not get into what toot prints."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.configure(**before)


@pytest.fixture
def meet(live_server: LiveServer) -> Meet:
    """`meet("alice", "bob")`: new people whose names nobody else in the module has."""

    def meet(*names: str, locked: bool = False) -> list[Friend]:
        friends = []
        for name in names:
            person = live_server.run(live_server.world.person(f"{name}{next(_numbers)}", locked=locked))
            friends.append(Friend(person, client_of(live_server.url, person.token)))
        return friends

    return meet


@pytest.fixture
def nobody(live_server: LiveServer) -> Mastodon:
    """A client without a token."""
    return client_of(live_server.url)
