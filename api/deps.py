"""Who is asking, with which scopes, which page, which id. Plain calls in a route's body: the hot path.

`user` wants a person, `app` any token, `anyone` takes requests without one. Errors have Mastodon's words.
"""

from typing import Any, NoReturn, cast
from urllib.parse import parse_qsl

from starlette.requests import HTTPConnection

from api import scopes as oauth_scopes
from api.context import Context
from api.tokens import Caller as Caller
from api.tokens import UserCaller as UserCaller
from cluster.errors import (
    FieldError,
    Forbidden,
    InvalidInput,
    NotFound,
    SocialFlowError,
    Unauthenticated,
)
from cluster.ids import ID_MAX, parse_id
from db.pages import Window

CALLER = "socialflow.caller"
"""Where the rate-limit middleware leaves whom it found in the scope: a Caller, None without a token, or the
error with which the token was refused."""

UNKNOWN: Any = object()  # nobody has looked yet


def context(connection: HTTPConnection) -> Context:
    """What this replica can use."""
    return cast(Context, connection.app.state.context)


async def user(connection: HTTPConnection, *scopes: str) -> UserCaller:
    """The person asking. Raises Unauthenticated without a valid token, Forbidden without one of `scopes`,
    InvalidInput for an app's own token."""
    caller = await app(connection, *scopes)
    if not isinstance(caller, UserCaller):
        raise InvalidInput("This method requires an authenticated user")
    return caller


async def app(connection: HTTPConnection, *scopes: str) -> Caller:
    """The person or app asking. Raises Unauthenticated, Forbidden."""
    caller = await anyone(connection, *scopes)
    if caller is None:
        raise Unauthenticated
    return caller


async def anyone(connection: HTTPConnection, *scopes: str) -> Caller | None:
    """Who is asking, or None without a token. A token that is sent must be valid: clients with a revoked
    one must learn of it. Raises Unauthenticated, Forbidden."""
    caller: Caller | SocialFlowError | None = connection.scope.get(CALLER, UNKNOWN)
    if caller is UNKNOWN:
        token = bearer(connection)
        caller = await context(connection).tokens.verify(token) if token else None
    if caller is None:
        return None
    if isinstance(caller, SocialFlowError):
        raise caller
    if scopes and not any(oauth_scopes.allows(caller.scopes, scope) for scope in scopes):
        raise Forbidden("This action is outside the authorized scopes")
    return caller


def bearer(connection: HTTPConnection) -> str | None:
    """The access token of the Authorization header or, as Mastodon has it, of `?access_token=`."""
    for name, value in connection.scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            return token.strip() or None if scheme.lower() == "bearer" else None
    query = connection.scope["query_string"]
    if b"access_token=" in query:
        return _query(query).get("access_token") or None
    return None


def window(connection: HTTPConnection, *, default: int = 20, maximum: int = 40) -> Window:
    """The page asked for. A limit outside 1..maximum is moved inside, as Mastodon does.

    Raises InvalidInput for a cursor that is no id: ignoring it would send the wrong page."""
    query = connection.scope["query_string"]
    if not query:
        return Window(limit=default)
    values = _query(query)
    return Window(
        limit=_limit(values.get("limit", ""), default, maximum),
        max_id=_cursor(values, "max_id"),
        since_id=_cursor(values, "since_id"),
        min_id=_cursor(values, "min_id"),
    )


def path_id(text: str) -> int:
    """The id in a path. Raises NotFound when it is none, because then nothing has it."""
    value = parse_id(text)
    if value is None:
        raise NotFound
    return value


def _query(query: bytes) -> dict[str, str]:
    return dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))


def _limit(text: str, default: int, maximum: int) -> int:
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        _refuse("limit", "is not a number")
    return min(max(int(text), 1), maximum)


def _cursor(values: dict[str, str], name: str) -> int | None:
    text = values.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        _refuse(name, "is not an id")
    return min(int(text), ID_MAX)  # "0" asks for everything above nothing


def _refuse(name: str, words: str) -> NoReturn:
    raise InvalidInput(f"The parameter {name} {words}", (FieldError(name, "ERR_INVALID", words),))
