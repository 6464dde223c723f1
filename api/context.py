"""Everything that a request may use, in one object: built once per replica, handed to every action as `ctx`.

`deployments/replica.py` fills it with Ray handles, the tests with in-process ones; the rest is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.ports import Feeds, Sessions
    from api.cards import Cards
    from api.committer import Committer
    from api.heads import Heads
    from api.inbox import Inbox
    from api.limits import Limiter
    from api.passwords import Passwords
    from api.tokens import TokenVerifier
    from api.viewers import Viewers
    from cluster.clock import Clock
    from cluster.settings import Settings
    from db.blobs import Blobs
    from db.bus import Bus
    from db.pool import Pool


@dataclass(slots=True, kw_only=True)
class Parts:
    """What differs between production and tests."""

    settings: Settings
    clock: Clock
    replica: str  # this process's name on the event channels
    pool: Pool
    bus: Bus
    blobs: Blobs
    feeds: Feeds
    sessions: Sessions


@dataclass(slots=True, kw_only=True)
class Context(Parts):
    """The parts, and what is built on them in this replica."""

    inbox: Inbox
    tokens: TokenVerifier
    passwords: Passwords
    limiter: Limiter
    cards: Cards
    viewers: Viewers
    heads: Heads
    committer: Committer
