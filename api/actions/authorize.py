"""The person's part of OAuth: which request may be shown, and the code that their consent makes.

RFC 6749 section 4.1, RFC 7636 (PKCE, S256 only), RFC 9700 (exact redirect URIs).
"""

import datetime as dt
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256

from api import scopes as oauth_scopes
from api.actions.apps import OUT_OF_BAND
from api.context import Context
from cluster.errors import InvalidInput, OAuthError
from db.queries import oauth
from db.queries.oauth import App, Code

KEEP_S = 86_400  # how long spent codes are kept, so that their reuse is noticed

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # base64url of a SHA-256, RFC 7636 section 4.2


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request that may be shown to a person."""

    app: App
    redirect_uri: str
    scopes: tuple[str, ...]
    code_challenge: str | None


async def client_of(ctx: Context, *, client_id: str, redirect_uri: str) -> App:
    """The application that asks. Raises InvalidInput for an unknown one and for an address that it did
    not register: then nobody may be sent anywhere."""
    async with ctx.pool.connection() as conn:
        app = await oauth.app_by_client_id(conn, client_id=client_id)
    if app is None:
        raise InvalidInput("Client authentication failed due to unknown client.")
    if redirect_uri not in app.redirect_uris:
        raise InvalidInput("The redirect uri included is not valid.")
    return app


def check(
    app: App,
    *,
    redirect_uri: str,
    response_type: str,
    scope: str,
    code_challenge: str,
    code_challenge_method: str,
) -> Asked:
    """The rest of a request. Raises OAuthError, which the application is told."""
    if response_type != "code":
        raise OAuthError("unsupported_response_type", "The server supports only the response type code.")
    asked = oauth_scopes.parse(scope)
    if not oauth_scopes.contain(app.scopes, asked):
        raise OAuthError("invalid_scope", "The requested scope is invalid, unknown, or malformed.")
    if code_challenge_method and not code_challenge:
        raise OAuthError("invalid_request", "A code challenge method needs a code challenge.")
    if code_challenge and code_challenge_method != "S256":
        raise OAuthError("invalid_request", "The code_challenge_method must be S256.")
    if code_challenge and not _CHALLENGE.fullmatch(code_challenge):
        raise OAuthError("invalid_request", "The code challenge is malformed.")
    return Asked(app, redirect_uri, asked, code_challenge or None)


async def grant(ctx: Context, asked: Asked, *, account_id: int) -> str:
    """The code for an application that a person said yes to."""
    code = secrets.token_urlsafe(32)
    now = ctx.clock.now()
    async with ctx.pool.transaction() as conn:
        await oauth.forget_codes(conn, expired_before=now - dt.timedelta(seconds=KEEP_S))
        await oauth.insert_code(
            conn,
            code=Code(
                code_hash=sha256(code.encode()).digest(),
                app_id=asked.app.id,
                account_id=account_id,
                redirect_uri=asked.redirect_uri,
                scopes=list(asked.scopes),
                code_challenge=asked.code_challenge,
                expires_at=now + dt.timedelta(seconds=ctx.settings.auth.code_ttl_s),
                session_id=None,
            ),
        )
    return code


def shown_here(redirect_uri: str) -> bool:
    """Whether the code is shown to the person, who types it into the app."""
    return redirect_uri == OUT_OF_BAND
