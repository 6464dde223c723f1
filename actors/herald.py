"""Tells every replica which sessions ended, and at every beat that there is nothing more to tell."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from actors.keyring import Keyring
from actors.states.sessions import Announcer
from cluster import observe
from cluster.clock import Clock
from cluster.errors import SocialFlowError, Unavailable
from cluster.revocations import CHANNEL
from cluster.settings import Settings
from db.bus import Bus
from db.pool import Pool
from db.queries import sessions

log = observe.logger("sessions")

TIDY_S = 3600  # how often expired refresh tokens are dropped; they live for 90 days


class Herald:
    """News of one shard in one epoch, and its heartbeat. Falls silent when it cannot see in Postgres that
    the shard is still its own: silence is what makes listeners ask. `on_fenced` is called when it is not.
    """

    def __init__(
        self,
        *,
        shard: str,
        epoch: int,
        settings: Settings,
        pool: Pool,
        bus: Bus,
        clock: Clock,
        keyring: Keyring,
        on_fenced: Callable[[], None],
    ) -> None:
        self._shard = shard
        self._epoch = epoch
        self._settings = settings
        self._pool = pool
        self._bus = bus
        self._clock = clock
        self._keyring = keyring
        self._on_fenced = on_fenced
        self._announcer = Announcer(shard=shard, epoch=epoch)
        self._sending = asyncio.Lock()
        self._lease_until = clock.monotonic() + settings.feeds.lease_ms / 1000
        self._renew_at = 0.0
        self._tidy_at = 0.0
        self._task = asyncio.create_task(self._beat())

    async def close(self) -> None:
        """Fall silent."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def announce(self, *, session_ids: Sequence[int], reason: str) -> None:
        """Tell what has ended, durably; what cannot be sent now goes with the next beat."""
        self._announcer.add([(identifier, reason) for identifier in session_ids])
        with contextlib.suppress(Unavailable):
            await self._send()

    async def _send(self) -> None:
        async with self._sending:
            more = True
            while more:
                news = self._announcer.next()
                await self._bus.publish(CHANNEL, news.wire())
                more = self._announcer.sent(news)

    async def _beat(self) -> None:
        while True:
            try:
                await self._beat_once()
            except SocialFlowError as error:
                log.debug("session_shard_beat_failed", shard=self._shard, cause=str(error))
            except Exception:
                log.exception("session_shard_beat_broken", shard=self._shard)
            await asyncio.sleep(self._settings.sessions.heartbeat_ms / 1000)

    async def _beat_once(self) -> None:
        try:
            if self._clock.monotonic() >= self._renew_at:
                await self._renew()
        finally:  # a database that is away for a moment must not make the shard look dead
            if self._clock.monotonic() < self._lease_until:
                await self._send()

    async def _renew(self) -> None:
        asked, lease_ms = self._clock.monotonic(), self._settings.feeds.lease_ms
        async with self._pool.transaction() as conn:
            ours = await sessions.renew_lease(conn, shard=self._shard, epoch=self._epoch, lease_ms=lease_ms)
        if not ours:
            self._lease_until = 0.0
            self._on_fenced()
            return
        self._lease_until = asked + lease_ms / 1000
        self._renew_at = asked + self._settings.feeds.lease_renew_ms / 1000
        await self._keyring.current()
        if asked >= self._tidy_at:
            self._tidy_at = asked + TIDY_S
            async with self._pool.transaction() as conn:
                await sessions.forget_refresh_tokens(conn, expired_before=self._clock.now())
