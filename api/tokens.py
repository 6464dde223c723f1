"""Who sent a request: access tokens verified without asking anybody, and remembered.

A token is a JWT signed by a session shard. Here only public keys are known. A token that verified once is
kept by its hash; whether its session has ended is looked at every time.
"""

import asyncio
import contextlib
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.types import Options

from actors.ports import Sessions
from actors.states.signing import ALGORITHM, AUDIENCE
from api.revocations import Listener, Revocations
from cluster.clock import Clock
from cluster.errors import SocialFlowError, Unauthenticated
from cluster.ids import parse_id
from cluster.settings import Settings
from db.bus import Bus
from db.pool import Pool
from db.queries import signing_keys

TOKEN_LENGTH_MAX = 4096  # ours have about 500 characters with every scope there is
KEYS_RELOAD_S = 60  # half of the time that a new key waits before it signs
KEYS_HURRY_S = 1.0  # an unknown key is looked up at most this often: forgers invent as many as they like

INVALID = "The access token is invalid"

# Times are compared by our own clock; the rest is what we always write.
_CHECKS: Options = {
    "require": ["iss", "aud", "sid", "app", "iat"],
    "verify_exp": False,
    "verify_iat": False,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a valid access token. `account_id` is None for an app on its own behalf."""

    account_id: int | None
    session_id: int
    app_id: int
    scopes: tuple[str, ...]
    issued_at: int  # unix seconds
    expires_at: int | None  # None: valid until revoked


@dataclass(frozen=True, slots=True)
class UserCaller(Caller):
    """A person behind a token."""

    account_id: int


class TokenVerifier:
    """Verifies access tokens; `start` before use. Remembers at most `caches.tokens_max` of them."""

    def __init__(self, *, settings: Settings, pool: Pool, bus: Bus, clock: Clock, sessions: Sessions) -> None:
        self._issuer = settings.public_url
        self._tokens_max = settings.caches.tokens_max
        self._clock = clock
        self._pool = pool
        self._revocations = Revocations(settings=settings, pool=pool, bus=bus, clock=clock, sessions=sessions)
        self._callers: OrderedDict[bytes, Caller] = OrderedDict()
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._keys_read_at = float("-inf")
        self._reading_keys = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen for revocations and keys. Does not wait for them: see `ready`."""
        self._revocations.start()
        self._task = asyncio.create_task(self._keep_keys())

    async def stop(self) -> None:
        """Stop listening."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._revocations.close()

    @property
    def ready(self) -> bool:
        """Whether revocations are loaded and news arrive. Without, every check asks a session shard."""
        return self._revocations.fresh

    def add_listener(self, listener: Listener) -> None:
        """Tell `listener` the ids of sessions as they end, so that it can close their sockets."""
        self._revocations.add_listener(listener)

    async def verify(self, token: str) -> Caller:
        """Who sent `token`. Raises Unauthenticated, Forbidden for a suspended account, Unavailable."""
        digest = blake2b(token.encode(), digest_size=16).digest()
        caller = self._callers.get(digest)
        if caller is None:
            caller = await self._open(token)
            self._callers[digest] = caller
            if len(self._callers) > self._tokens_max:
                self._callers.popitem(last=False)
        else:
            self._callers.move_to_end(digest)
        if caller.expires_at is not None and self._clock.now().timestamp() >= caller.expires_at:
            raise Unauthenticated("The access token expired")
        await self._revocations.check(caller.session_id)
        return caller

    async def open(self, token: str) -> Caller | None:
        """Whose token this is, also when it has expired or its session has ended; None when not ours."""
        try:
            return await self._open(token)
        except Unauthenticated:
            return None

    async def _open(self, token: str) -> Caller:
        """The claims of a token whose signature is right, whatever became of its session."""
        if len(token) > TOKEN_LENGTH_MAX:
            raise Unauthenticated(INVALID)
        try:
            kid = jwt.get_unverified_header(token).get("kid", "")
            claims = jwt.decode(
                token,
                await self._key(kid),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                # Times are compared by our own clock; the rest is what we always write.
                options={
                    "require": ["iss", "aud", "sid", "app", "iat"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise Unauthenticated(INVALID) from error
        return _caller(claims)

    async def _key(self, kid: str) -> Ed25519PublicKey:
        if kid not in self._keys:
            async with self._reading_keys:
                if self._clock.monotonic() - self._keys_read_at >= KEYS_HURRY_S:
                    await self._read_keys()
        if kid not in self._keys:
            raise Unauthenticated(INVALID)
        return self._keys[kid]

    async def _read_keys(self) -> None:
        async with self._pool.connection() as conn:
            rows = await signing_keys.public_keys(conn)
        self._keys_read_at = self._clock.monotonic()
        if not rows.keys() >= self._keys.keys():
            self._callers.clear()  # a key was retired: what it signed is forgotten with it
        self._keys = {kid: Ed25519PublicKey.from_public_bytes(public) for kid, public in rows.items()}

    async def _keep_keys(self) -> None:
        while True:
            with contextlib.suppress(SocialFlowError):
                await self._read_keys()
            await asyncio.sleep(KEYS_RELOAD_S)


def _caller(claims: dict[str, Any]) -> Caller:
    session_id, app_id = parse_id(str(claims["sid"])), parse_id(str(claims["app"]))
    issued_at, expires_at = claims["iat"], claims.get("exp")
    if session_id is None or app_id is None or not isinstance(issued_at, int):
        raise Unauthenticated(INVALID)
    scopes = tuple(str(claims.get("scope", "")).split())
    if "sub" not in claims:
        return Caller(None, session_id, app_id, scopes, issued_at, expires_at)
    account_id = parse_id(str(claims["sub"]))
    if account_id is None:
        raise Unauthenticated(INVALID)
    return UserCaller(account_id, session_id, app_id, scopes, issued_at, expires_at)
