"""Websocket close codes of the streaming API, beside those of errors (`api/problems.py`).

4000-4499: connect again, and fetch what was missed meanwhile. 4500-4999: do not come back with this token.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Close:
    """Why the server ends a connection, in words that fit a close frame (123 bytes)."""

    code: int
    reason: str


SLOW_READER = Close(4410, "You read too slowly and events were dropped; connect again and fetch them")
NEWS_LOST = Close(4411, "The server missed events; connect again and fetch them")
TOO_MANY_MESSAGES = Close(4429, "You send messages too quickly; connect again later")
REVOKED = Close(4501, "The access token was revoked")
EXPIRED = Close(4502, "The access token has expired; refresh it and connect again")
TOO_LARGE = Close(4513, "The message is larger than this server accepts")
BINARY = Close(1003, "Binary messages are not supported")  # as Mastodon
