"""Fixtures of the clients ring: a live server, as the api ring has it."""

from tests.api.conftest import live_server

__all__ = ["live_server"]
