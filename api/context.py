"""Everything that a request may use, in one object: built once per replica, handed to every action as `ctx`.

`api/assembly.py` builds it from its parts; what the parts are is decided by `deployments` or by a test.
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
    from api.links import Links
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
    """The parts, and what this replica keeps on top of them."""

    links: Links
    inbox: Inbox
    tokens: TokenVerifier
    passwords: Passwords
    limiter: Limiter
    cards: Cards
    viewers: Viewers
    heads: Heads
    committer: Committer

    async def open(self) -> None:
        """Connect and start listening. Raises Unavailable while Postgres is away."""
        await self.pool.open()
        await self.tokens.start()
        await self.inbox.open()

    async def close(self) -> None:
        """Finish accepted writes, then let go of everything."""
        await self.committer.close()
        await self.inbox.close()
        await self.tokens.stop()
        self.passwords.close()
        await self.bus.close()
        await self.pool.close()
