"""The session shard: the one writer of the sessions, and of their refresh families, whose slots it owns."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from actors.herald import Herald
from actors.keyring import Keyring
from actors.minting import Mint, Refresh
from actors.ports import Grant, Tokens
from actors.states.sessions import Rotation, hash_token, judge
from cluster import observe
from cluster.clock import Clock
from cluster.errors import Forbidden, OAuthError, Unavailable
from cluster.settings import Settings
from cluster.sharding import assign, slot_of
from cluster.topology import session_shards
from db.bus import Bus
from db.pool import Connection, Pool
from db.queries import sessions, shards
from db.queries.sessions import RefreshRow

log = observe.logger("sessions")

MINT_AHEAD = 64  # ids asked for at once; a shard keeps those of its own slots
RETRY_S = 0.2  # between attempts while Postgres is away


class SessionShard:
    """Sessions of the slots that Postgres gives to `name`. Holds signing keys, an epoch, and unsent news.

    Success means durable, fenced by the epoch in the same transaction. A crash loses nothing: the next
    epoch makes every listener read Postgres again. `on_fenced` is called when a newer owner exists.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        pool: Pool,
        bus: Bus,
        clock: Clock,
        on_fenced: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._settings = settings
        self._pool = pool
        self._bus = bus
        self._clock = clock
        self._on_fenced = on_fenced
        self._keyring = Keyring(settings=settings.auth, pool=pool, clock=clock)
        self._mint = Mint(settings)
        self._owners = assign(session_shards(settings))
        self._slots = frozenset(slot for slot, owner in enumerate(self._owners) if owner == name)
        self._starting: asyncio.Task[None] | None = None
        self._claimed = asyncio.Event()
        self._herald: Herald | None = None
        self._epoch = 0
        self._ids: list[int] = []
        self._retired = False

    async def start(self) -> None:
        """Take the shard over, in the background: Postgres may be away. Safe to call again."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._claim())

    async def ready(self, wait_s: float = 0.2) -> bool:
        """Whether the shard is claimed and not yet lost; waits a little for it."""
        await self.start()
        try:
            await asyncio.wait_for(self._claimed.wait(), wait_s)
        except TimeoutError:
            return False
        return not self._retired

    async def stop(self) -> None:
        """Stop the heartbeat; what is durable stays."""
        self._retired = True
        if self._starting is not None:
            self._starting.cancel()
        if self._herald is not None:
            await self._herald.close()

    async def _claim(self) -> None:
        while not self._claimed.is_set():
            try:
                await self._keyring.upkeep()
                async with self._pool.transaction() as conn:
                    await shards.place(conn, kind="sessions", owners=self._owners)
                    claim = await shards.claim(
                        conn, name=self._name, kind="sessions", lease_ms=self._settings.feeds.lease_ms
                    )
                self._begin(claim.epoch)
            except Exception as error:
                log.warning("cannot claim the shard yet", shard=self._name, reason=repr(error))
                await asyncio.sleep(RETRY_S)

    def _begin(self, epoch: int) -> None:
        self._epoch = epoch
        self._herald = Herald(
            shard=self._name,
            epoch=epoch,
            settings=self._settings,
            pool=self._pool,
            bus=self._bus,
            clock=self._clock,
            keyring=self._keyring,
            on_fenced=self._retire,
        )
        self._claimed.set()
        log.info("shard claimed", shard=self._name, epoch=epoch)

    @property
    def epoch(self) -> int:
        """The epoch of this owner; 0 before it started."""
        return self._epoch

    async def create(self, grant: Grant) -> Tokens:
        """Open a session. Raises Forbidden when its account is suspended or gone, Unavailable."""
        await self._ready()
        key = await self._keyring.current()
        session_id = await self._mint_id()
        now = self._clock.now().replace(microsecond=0)  # as the token's claims, which count seconds
        refresh = None
        async with self._write([session_id]) as conn:
            stored = await sessions.insert(
                conn,
                session_id=session_id,
                account_id=grant.account_id,
                app_id=grant.app_id,
                scopes=grant.scopes,
                kid=key.kid,
                offline=grant.offline,
                now=now,
            )
            if not stored:
                raise Forbidden("Your login is currently disabled")
            if grant.offline:
                refresh = await self._add_refresh(conn, session_id=session_id, generation=1, now=now)
        return self._mint.tokens(grant, key=key, session_id=session_id, now=now, refresh=refresh)

    async def refresh(self, *, refresh_token: str, app_id: int, scopes: tuple[str, ...] = ()) -> Tokens:
        """Rotate a refresh token. Raises OAuthError, Unavailable."""
        herald = await self._ready()
        key = await self._keyring.current()
        now = self._clock.now().replace(microsecond=0)
        async with self._pool.transaction() as conn:
            row = await sessions.lock_refresh_token(conn, token_hash=hash_token(refresh_token))
            if row is None:
                raise OAuthError("invalid_grant", "The refresh token is unknown")
            await self._hold(conn, [row.session_id])
            verdict = self._judge(row, app_id=app_id, scopes=scopes, now=now)
            successor = self._mint.refresh(session_id=row.session_id, generation=row.generation + 1, now=now)
            if verdict is Rotation.REUSED:
                await sessions.revoke(conn, session_ids=[row.session_id], reason="reused")
            elif verdict is Rotation.ROTATE:
                await sessions.use_refresh_token(
                    conn,
                    token_hash=hash_token(refresh_token),
                    session_id=row.session_id,
                    kid=key.kid,
                    now=now,
                )
                await self._add_refresh(
                    conn, session_id=row.session_id, generation=row.generation + 1, now=now
                )
        if verdict is Rotation.REUSED:
            log.warning("refresh_token_reused", session=row.session_id, app=app_id)
            await herald.announce(session_ids=[row.session_id], reason="reused")
            raise OAuthError("invalid_grant", "The refresh token was used before; its session has ended")
        return self._mint.tokens(
            Grant(row.account_id, row.app_id, scopes or tuple(row.scopes), offline=True),
            key=key,
            session_id=row.session_id,
            now=row.used_at or now,  # a repeat tells the same successor, with the same life left
            refresh=successor,
        )

    def _judge(self, row: RefreshRow, *, app_id: int, scopes: tuple[str, ...], now: dt.datetime) -> Rotation:
        verdict = judge(
            ours=row.app_id == app_id,
            used_at=row.used_at,
            revoked_at=row.revoked_at,
            expires_at=row.expires_at,
            now=now,
            grace_s=self._settings.auth.refresh_reuse_grace_s,
        )
        if verdict is Rotation.REFUSED:
            raise OAuthError("invalid_grant", "The refresh token is expired, revoked or not yours")
        if not set(scopes) <= set(row.scopes):
            raise OAuthError("invalid_scope", "A refresh cannot widen what was granted")
        return verdict

    async def revoke(self, *, session_ids: Sequence[int], reason: str) -> None:
        """End sessions; told to every replica at once, and durable when this returns."""
        herald = await self._ready()
        async with self._write(session_ids) as conn:
            await sessions.revoke(conn, session_ids=session_ids, reason=reason)
        await herald.announce(session_ids=session_ids, reason=reason)

    async def live(self, *, session_ids: Sequence[int]) -> list[bool]:
        """Which of these sessions are alive. Asks Postgres: this is for when news do not arrive."""
        await self._ready()
        async with self._pool.connection() as conn:
            alive = await sessions.live(conn, session_ids=session_ids)
        return [identifier in alive for identifier in session_ids]

    async def _ready(self) -> Herald:
        if not await self.ready() or self._herald is None:
            raise Unavailable("this session shard is not ready")
        return self._herald

    @asynccontextmanager
    async def _write(self, session_ids: Sequence[int]) -> AsyncIterator[Connection]:
        async with self._pool.transaction() as conn:
            await self._hold(conn, session_ids)
            yield conn

    async def _hold(self, conn: Connection, session_ids: Sequence[int]) -> None:
        slots = [slot_of(identifier) for identifier in session_ids]
        if not await sessions.hold(conn, shard=self._name, epoch=self._epoch, slots=slots):
            self._retire()
            raise Unavailable("this session shard has a newer owner")

    def _retire(self) -> None:
        if not self._retired:
            self._retired = True
            log.warning("a newer owner took the shard over", shard=self._name, epoch=self._epoch)
            self._on_fenced()

    async def _mint_id(self) -> int:
        while not self._ids:
            if not self._slots:
                raise Unavailable("this session shard has no slots")
            async with self._pool.connection() as conn:
                minted = await sessions.mint_ids(conn, count=MINT_AHEAD)
            self._ids = [identifier for identifier in minted if slot_of(identifier) in self._slots]
        return self._ids.pop()

    async def _add_refresh(
        self, conn: Connection, *, session_id: int, generation: int, now: dt.datetime
    ) -> Refresh:
        refresh = self._mint.refresh(session_id=session_id, generation=generation, now=now)
        await sessions.add_refresh_token(
            conn,
            token_hash=refresh.token_hash,
            session_id=session_id,
            generation=generation,
            now=now,
            expires_at=refresh.expires_at,
        )
        return refresh
