"""The signing keys of an instance, as one session shard knows them: made in time, retired when unneeded."""

import datetime as dt

from actors.states import signing
from actors.states.signing import SigningKey
from cluster.clock import Clock
from cluster.settings import Auth
from db.pool import Pool
from db.queries import signing_keys

UPKEEP_S = 60  # how often keys are looked at; half of signing.LEAD_S
RETIRE_MARGIN_S = 3600  # clocks of shards may differ by less than this


class Keyring:
    """Keys in memory, the truth in Postgres. `current` never waits once `upkeep` has run."""

    def __init__(self, *, settings: Auth, pool: Pool, clock: Clock) -> None:
        self._settings = settings
        self._pool = pool
        self._clock = clock
        self._keys: list[SigningKey] = []
        self._looked_at = -UPKEEP_S * 1.0

    async def current(self) -> SigningKey:
        """The key that signs now. Raises Unavailable before the first `upkeep` could be done."""
        if self._clock.monotonic() - self._looked_at >= UPKEEP_S:
            await self.upkeep()
        return signing.choose(self._keys, now=self._clock.now())

    async def upkeep(self) -> None:
        """Read the keys, make the next one when it is due, retire those that nobody needs."""
        now = self._clock.now()
        keys = await self._read()
        if signing.due(keys, now=now, ttl_s=self._settings.signing_key_ttl_s):
            keys = await self._make(now)
        async with self._pool.transaction() as conn:
            await signing_keys.retire(
                conn,
                born_before=now - dt.timedelta(seconds=self._settings.signing_key_ttl_s + RETIRE_MARGIN_S),
                refreshed_before=now - dt.timedelta(seconds=self._settings.access_ttl_s + RETIRE_MARGIN_S),
            )
        self._keys = keys
        self._looked_at = self._clock.monotonic()

    async def _read(self) -> list[SigningKey]:
        async with self._pool.connection() as conn:
            rows = await signing_keys.private_keys(conn)
        return [SigningKey.from_bytes(row.kid, row.private_key, row.created_at) for row in rows]

    async def _make(self, now: dt.datetime) -> list[SigningKey]:
        async with self._pool.transaction() as conn:
            await signing_keys.lock(conn)
            rows = await signing_keys.private_keys(conn)
            keys = [SigningKey.from_bytes(row.kid, row.private_key, row.created_at) for row in rows]
            if signing.due(keys, now=now, ttl_s=self._settings.signing_key_ttl_s):
                key = SigningKey.generate(now)
                await signing_keys.insert(
                    conn,
                    kid=key.kid,
                    private_key=key.private_bytes(),
                    public_key=key.public_bytes(),
                    created_at=now,
                )
                keys.append(key)
        return keys
