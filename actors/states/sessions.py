"""Refresh-token families and the announcing of ended sessions, as plain values and one small state.

Refresh tokens are derived, not drawn: HMAC(secret, session, generation). So the successor of a token can be
told again to a client whose first answer was lost, though Postgres keeps only hashes.
"""

import base64
import datetime as dt
import hashlib
import hmac
from enum import StrEnum

from cluster.ids import parse_id
from cluster.revocations import News

ANNOUNCE_MAX = 1000  # sessions in one message, about 40 KB


class Rotation(StrEnum):
    """What becomes of a refresh token that was shown."""

    ROTATE = "rotate"  # first use: it gets a successor
    REPEAT = "repeat"  # used a moment ago: the same successor again
    REUSED = "reused"  # used long ago: somebody has a copy, so the whole family ends
    REFUSED = "refused"  # expired, foreign, or of a session that ended


def judge(
    *,
    ours: bool,
    used_at: dt.datetime | None,
    revoked_at: dt.datetime | None,
    expires_at: dt.datetime,
    now: dt.datetime,
    grace_s: int,
) -> Rotation:
    """What to do with a refresh token that is shown at `now`; `ours`: by the app that it was given to."""
    if not ours or revoked_at is not None:
        return Rotation.REFUSED
    if used_at is not None:
        late = now - used_at > dt.timedelta(seconds=grace_s)
        return Rotation.REUSED if late else Rotation.REPEAT
    return Rotation.REFUSED if expires_at <= now else Rotation.ROTATE


def derive_refresh_token(secret: bytes, *, session_id: int, generation: int) -> str:
    """The refresh token of a family's generation. It names its session, so that it finds its shard."""
    message = f"refresh/{session_id}/{generation}".encode()
    digest = hmac.digest(secret, message, hashlib.sha256)
    return f"{session_id}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def session_of(refresh_token: str) -> int | None:
    """The session that a refresh token names, or None when it cannot be one."""
    return parse_id(refresh_token.partition(".")[0])


def hash_token(token: str) -> bytes:
    """What Postgres keeps of a token; enough, because tokens have 256 bits that nobody can guess."""
    return hashlib.sha256(token.encode()).digest()


class Announcer:
    """The news of one shard in one epoch. Holds what was not yet sent; a crash loses nothing, because a
    new epoch makes every listener read the truth again."""

    def __init__(self, *, shard: str, epoch: int) -> None:
        self._shard = shard
        self._epoch = epoch
        self._sequence = 0
        self._waiting: list[tuple[int, str]] = []

    def add(self, ended: list[tuple[int, str]]) -> None:
        """These sessions (id, reason) have ended, durably."""
        self._waiting += ended

    def next(self) -> News:
        """The next message; it stays waiting until `sent` says that it went out."""
        ended = tuple(self._waiting[:ANNOUNCE_MAX])
        return News(self._shard, self._epoch, self._sequence + bool(ended), ended)

    def sent(self, news: News) -> bool:
        """Note that `news` went out; whether more is waiting."""
        self._sequence = news.sequence
        del self._waiting[: len(news.ended)]
        return bool(self._waiting)
