"""Rate limits as Mastodon's: token buckets in Valkey, all of one tick in one round trip, and the headers.

https://docs.joinmastodon.org/api/rate-limits/. Without Valkey each replica counts for itself: a limit is then
as many times higher as there are replicas, and no request waits or fails for it.
"""

import asyncio
import datetime as dt
import hashlib
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from actors.lanes import Lane
from api import buckets, deps, problems
from api.buckets import Ask, LocalBuckets, Standing
from api.context import Context
from api.leases import Leases
from cluster.clock import Clock
from cluster.errors import RateLimited, SocialFlowError, Unavailable
from cluster.settings import Limits
from db.bus import Bus

BATCH_MAX = 512  # buckets in one script call: about 1 ms of Valkey's time
QUEUE_MAX = 10_000  # checks waiting; more than a replica has requests


@dataclass(frozen=True, slots=True)
class Rule:
    """A bucket of `limit` requests that fills up in `period_s`. `name` keeps buckets apart."""

    name: str
    limit: int
    period_s: int


FIVE_MIN, HALF_HOUR = 300, 1800
ACCOUNT = Rule("account", 300, FIVE_MIN)
ADDRESS = Rule("address", 300, FIVE_MIN)
MEDIA = Rule("media", 30, HALF_HOUR)
DELETES = Rule("deletes", 30, HALF_HOUR)
SIGN_UPS = Rule("sign-ups", 5, HALF_HOUR)
SIGN_INS = Rule("sign-ins", 25, FIVE_MIN)
LOGIN = Rule("login", 25, 3600)  # per name that somebody tries to sign in with, whether it exists or not

Claim = tuple[str, Rule]  # whose bucket


class Limiter:
    """Takes tokens from buckets. `take` answers the tightest standing, or None when limits are off."""

    def __init__(self, *, settings: Limits, bus: Bus, clock: Clock) -> None:
        self._settings = settings
        self._bus = bus
        self._local = LocalBuckets(clock)
        self._leases = Leases(clock)
        self._lane: Lane[Ask, Standing] = Lane(
            self._take_all, batch_max=BATCH_MAX, queue_max=QUEUE_MAX, parallel=2
        )

    async def take(self, *claims: Claim) -> Standing | None:
        """One request on each bucket. Raises Overloaded when too many wait."""
        if not self._settings.enabled or not claims:
            return None
        if len(claims) == 1:
            return await self._take_one(*claims[0])
        standings = await asyncio.gather(*(self._take_one(whose, rule) for whose, rule in claims))
        refused = [standing for standing in standings if not standing.allowed]
        if refused:
            return max(refused, key=lambda standing: standing.retry_after_s)
        return min(standings, key=lambda standing: standing.remaining)

    async def _take_one(self, whose: str, rule: Rule) -> Standing:
        key = f"limit:{rule.name}:{whose}"
        held = self._leases.spend(key)
        if held is not None:
            return held
        ask = self._leases.plan(key, limit=rule.limit * self._settings.factor, period_s=rule.period_s)
        try:
            standing = await self._lane.put(ask)
        except BaseException:  # the caller went away, or too many wait
            self._leases.lost(ask)
            raise
        return self._leases.note(ask, standing)

    async def check_login(self, login: str) -> None:
        """One attempt to sign in as `login`. Raises RateLimited, the same for a name that nobody has."""
        whose = hashlib.blake2b(login.strip().lower().encode(), digest_size=16).hexdigest()
        standing = await self.take((whose, LOGIN))
        if standing is not None and not standing.allowed:
            raise RateLimited("Too many attempts to sign in; wait a while", standing.retry_after_s)

    async def _take_all(self, asks: Sequence[Ask]) -> Sequence[Standing]:
        keys, arguments = buckets.script_input(asks)
        try:
            answer = await self._bus.run_script(buckets.SCRIPT, keys=keys, args=arguments)
        except Unavailable:
            return [self._local.take(ask) for ask in asks]
        return buckets.script_output(asks, answer)


class RateLimits:
    """ASGI middleware: finds out who asks, takes from their buckets, and says how they stand."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on or refuse one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            standing = await self._take(scope)
        except SocialFlowError as error:
            await (await problems.answer_error(Request(scope), error))(scope, receive, send)
            return
        if standing is None:
            await self._app(scope, receive, send)
            return

        async def send_with_standing(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._headers(standing)]
            await send(message)

        if standing.allowed:
            await self._app(scope, receive, send_with_standing)
            return
        refusal = RateLimited("Too many requests", standing.retry_after_s)
        answer = await problems.answer_error(Request(scope), refusal)
        await answer(scope, receive, send_with_standing)

    async def _take(self, scope: Scope) -> Standing | None:
        path: str = scope["path"]
        in_api = path.startswith("/api/")
        if in_api:
            scope[deps.CALLER] = await self._caller(Request(scope))
        elif scope["method"] != "POST":
            return None
        claims = claims_of(scope["method"], path, caller=scope.get(deps.CALLER), address=_address(scope))
        return await self._context.limiter.take(*claims)

    async def _caller(self, request: Request) -> deps.Caller | SocialFlowError | None:
        token = deps.bearer(request)
        if token is None:
            return None
        try:
            return await self._context.tokens.verify(token)
        except SocialFlowError as error:
            return error

    def _headers(self, standing: Standing) -> list[tuple[bytes, bytes]]:
        reset = self._context.clock.now() + dt.timedelta(seconds=standing.reset_s)
        return [
            (b"x-ratelimit-limit", b"%d" % standing.limit),
            (b"x-ratelimit-remaining", b"%d" % standing.remaining),
            (b"x-ratelimit-reset", reset.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()),
        ]


_DELETE_STATUS = re.compile(r"/api/v1/statuses/\d+")
_UNREBLOG = re.compile(r"/api/v1/statuses/\d+/unreblog")
_SIGN_IN_PATHS = frozenset(("/oauth/token", "/oauth/authorize", "/auth/sign_in"))


def claims_of(method: str, path: str, *, caller: object, address: str) -> list[Claim]:
    """The buckets that a request takes from. `caller`: a Caller, or anything else for nobody."""
    claims: list[Claim] = []
    known = isinstance(caller, deps.Caller)
    whose = _whose(caller) if isinstance(caller, deps.Caller) else address
    if path.startswith("/api/"):
        claims.append((whose, ACCOUNT if known else ADDRESS))
    if method == "POST":
        if path in _SIGN_IN_PATHS:
            claims.append((address, SIGN_INS))
        elif path == "/api/v1/accounts":
            claims.append((address, SIGN_UPS))
        elif path in ("/api/v1/media", "/api/v2/media"):
            claims.append((whose, MEDIA))
        elif _UNREBLOG.fullmatch(path):
            claims.append((whose, DELETES))
    elif method == "DELETE" and _DELETE_STATUS.fullmatch(path):
        claims.append((whose, DELETES))
    return claims


def _whose(caller: deps.Caller) -> str:
    # All tokens of a person share a bucket; an app on its own has one for each token.
    return f"a{caller.account_id}" if caller.account_id is not None else f"s{caller.session_id}"


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return throttled_address(client[0]) if client else "-"


@lru_cache(maxsize=10_000)
def throttled_address(text: str) -> str:
    """An address, or the /64 that an IPv6 one belongs to: whoever has one of those has all of it."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "-"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return text
