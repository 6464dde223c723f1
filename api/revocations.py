"""Which sessions have ended, as this replica knows it: loaded from Postgres, kept true by the shards' news.

Without news from every session shard for `auth.revocation_lag_s_max`, nothing here is believed and the
shard itself is asked about each session: the replica fails closed.
"""

import asyncio
import contextlib
import datetime as dt
import math
from collections.abc import Callable, Sequence

from actors.ports import Sessions
from cluster import observe
from cluster.clock import Clock
from cluster.errors import Forbidden, SocialFlowError, Unauthenticated
from cluster.revocations import CHANNEL, SUSPENDED, News
from cluster.settings import Settings
from cluster.topology import session_shards
from db.bus import Bus
from db.pool import Pool
from db.queries import sessions as queries

log = observe.logger("revocations")

Listener = Callable[[Sequence[int]], None]

OVERLAP_S = 60  # read this much again: a row is visible later than its time says, by one transaction
FULL_S = 86_400  # how often everything is read anew, so that what no token can name any more is forgotten
RETRY_S = 0.2  # after a broken subscription
_EVER = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Revocations:
    """Ended sessions whose tokens would still verify. Grows by about 100 bytes a session until its key
    retires. Listeners hear the ids of newly ended sessions, also of those found by reading again."""

    def __init__(self, *, settings: Settings, pool: Pool, bus: Bus, clock: Clock, sessions: Sessions) -> None:
        self._settings = settings
        self._pool = pool
        self._bus = bus
        self._clock = clock
        self._sessions = sessions
        self._shards = frozenset(session_shards(settings))
        self._ended: dict[int, str] = {}
        self._known: dict[str, tuple[int, int]] = {}  # shard -> epoch, sequence
        self._heard_at: dict[str, float] = {}
        self._fresh_until = -math.inf
        self._behind = True  # news were missed and Postgres was not read since
        self._read_until = _EVER
        self._full_at = -math.inf
        self._listeners: list[Listener] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen; `fresh` tells when everything is loaded."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop listening."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def add_listener(self, listener: Listener) -> None:
        """Tell `listener` the ids of sessions as they end; it must not block or raise."""
        self._listeners.append(listener)

    @property
    def fresh(self) -> bool:
        """Whether what is known here may be believed."""
        return self._clock.monotonic() <= self._fresh_until

    async def check(self, session_id: int) -> None:
        """Raises Unauthenticated or Forbidden when the session has ended, Unavailable when nobody knows."""
        reason = self._ended.get(session_id)
        if reason is not None:
            _refuse(reason)
        if self._clock.monotonic() > self._fresh_until:
            alive = await self._sessions.live(session_ids=[session_id])
            if not alive[0]:
                _refuse("")

    async def _run(self) -> None:
        while True:
            try:
                async for _, message in self._bus.subscribe([CHANNEL]):
                    await self._hear(News.from_wire(message) if message is not None else None)
            except Exception:
                log.exception("revocations_interrupted")
            self._distrust()
            await asyncio.sleep(RETRY_S)

    async def _hear(self, news: News | None) -> None:
        """One message, or None when messages may have been missed before this moment."""
        if news is None:
            self._distrust()
        else:
            known = self._known.get(news.shard)
            if known is not None and news.epoch < known[0]:
                return  # a predecessor that does not know yet that it is one
            self._behind |= known is not None and _missed(known, news)
            self._note(news.ended)
            self._known[news.shard] = (news.epoch, news.sequence)
            self._heard_at[news.shard] = self._clock.monotonic()
        if self._behind or self._clock.monotonic() - self._full_at > FULL_S:
            try:
                await self._read()
            except SocialFlowError as error:
                log.warning("revocations_unread", cause=str(error))
        self._judge()

    def _judge(self) -> None:
        if self._behind or not self._shards <= self._heard_at.keys():
            self._fresh_until = -math.inf
        else:
            oldest = min(self._heard_at[shard] for shard in self._shards)
            self._fresh_until = oldest + self._settings.auth.revocation_lag_s_max

    def _distrust(self) -> None:
        self._known.clear()
        self._heard_at.clear()
        self._behind = True
        self._judge()

    async def _read(self) -> None:
        full = self._clock.monotonic() - self._full_at > FULL_S
        since = _EVER if full else self._read_until - dt.timedelta(seconds=OVERLAP_S)
        async with self._pool.connection() as conn:
            moment = await queries.now(conn)
            ended = await queries.ended(conn, since=since, access_ttl_s=self._settings.auth.access_ttl_s)
        if full:
            self._full_at = self._clock.monotonic()
            self._ended, before = {}, self._ended
            self._ended.update((item.id, item.reason) for item in ended)
            self._tell([identifier for identifier in self._ended if identifier not in before])
        else:
            self._note([(item.id, item.reason) for item in ended])
        self._read_until = moment
        self._behind = False

    def _note(self, ended: Sequence[tuple[int, str]]) -> None:
        new = [identifier for identifier, _ in ended if identifier not in self._ended]
        self._ended.update(ended)
        self._tell(new)

    def _tell(self, session_ids: Sequence[int]) -> None:
        if session_ids:
            for listener in self._listeners:
                listener(session_ids)


def _missed(known: tuple[int, int], news: News) -> bool:
    epoch, sequence = known
    return news.epoch != epoch or news.sequence > sequence + bool(news.ended)


def _refuse(reason: str) -> None:
    if reason == SUSPENDED:
        raise Forbidden("Your login is currently disabled")
    raise Unauthenticated("The access token was revoked")
