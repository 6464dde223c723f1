"""People with a signed-in Mastodon.py of their own."""

import itertools
from collections.abc import Callable

import pytest
from mastodon import Mastodon

from tests.api.conftest import LiveServer
from tests.api.drivers.friends import Friend, client_of

_numbers = itertools.count(1)

Meet = Callable[..., list[Friend]]


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
