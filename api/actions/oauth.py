"""The application's part of OAuth: tokens for codes, for itself, for refresh tokens; and ending them.

RFC 6749 (grants and errors), RFC 7636 (PKCE), RFC 7009 (revocation).
"""

import base64
import hmac
from dataclasses import dataclass
from hashlib import sha256

from actors.ports import Grant, Tokens
from actors.states.sessions import session_of
from api import scopes as oauth_scopes
from api.actions.apps import authenticate
from api.actions.sign_in import check_password
from api.context import Context
from cluster.errors import Forbidden, InvalidInput, OAuthError
from cluster.revocations import SUSPENDED
from db.queries import oauth, sessions, users
from db.queries.oauth import App, Code

BAD_GRANT = (
    "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used "
    "in the authorization request, or was issued to another client."
)
BAD_SCOPE = "The requested scope is invalid, unknown, or malformed."


@dataclass(frozen=True, slots=True)
class Asked:
    """What came to the token endpoint."""

    grant_type: str
    client_id: str
    client_secret: str
    scope: str = ""
    code: str = ""
    redirect_uri: str = ""
    code_verifier: str = ""
    refresh_token: str = ""
    username: str = ""
    password: str = ""
    address: str = ""  # where the request came from


async def token(ctx: Context, asked: Asked) -> Tokens:
    """Tokens for a grant. Raises OAuthError."""
    grants = {
        "authorization_code": _for_code,
        "client_credentials": _for_itself,
        "refresh_token": _for_refresh,
    }
    if ctx.settings.auth.password_grant:
        grants["password"] = _for_password
    if not asked.grant_type:
        raise OAuthError("invalid_request", "Missing required parameter: grant_type.")
    if asked.grant_type not in grants:
        raise OAuthError("unsupported_grant_type", "The authorization grant type is not supported.")
    app = await authenticate(ctx, client_id=asked.client_id, client_secret=asked.client_secret)
    try:
        return await grants[asked.grant_type](ctx, app, asked)
    except Forbidden as error:  # a suspended account
        raise OAuthError("invalid_grant", error.message) from error


async def _for_code(ctx: Context, app: App, asked: Asked) -> Tokens:
    reused: int | None = None
    # The code stays locked while its session is made, so a second exchange always finds whom to revoke.
    async with ctx.pool.transaction() as conn:
        code_hash = sha256(asked.code.encode()).digest()
        code = await oauth.lock_code(conn, code_hash=code_hash)
        if code is None or code.app_id != app.id:
            raise OAuthError("invalid_grant", BAD_GRANT)
        reused = code.session_id
        if reused is None:
            _check_code(ctx, code, asked)
            tokens = await ctx.sessions.create(_grant(app, tuple(code.scopes), account_id=code.account_id))
            await oauth.spend_code(conn, code_hash=code_hash, session_id=tokens.session_id)
    if reused is not None:
        await ctx.sessions.revoke(session_ids=[reused], reason="code reused")
        raise OAuthError("invalid_grant", BAD_GRANT)
    return tokens


def _check_code(ctx: Context, code: Code, asked: Asked) -> None:
    if code.expires_at <= ctx.clock.now() or code.redirect_uri != asked.redirect_uri:
        raise OAuthError("invalid_grant", BAD_GRANT)
    if bool(code.code_challenge) != bool(asked.code_verifier):
        raise OAuthError("invalid_grant", "The code verifier is missing, or none was announced.")
    if code.code_challenge:
        digest = base64.urlsafe_b64encode(sha256(asked.code_verifier.encode()).digest()).rstrip(b"=")
        if not hmac.compare_digest(digest, code.code_challenge.encode()):
            raise OAuthError("invalid_grant", "The code verifier does not match the code challenge.")


async def _for_itself(ctx: Context, app: App, asked: Asked) -> Tokens:
    return await ctx.sessions.create(_grant(app, _scopes(app, asked.scope), account_id=None))


async def _for_password(ctx: Context, app: App, asked: Asked) -> Tokens:
    scopes = _scopes(app, asked.scope)
    try:
        user = await check_password(ctx, login=asked.username, password=asked.password, address=asked.address)
    except InvalidInput as error:
        raise OAuthError("invalid_grant", BAD_GRANT) from error
    return await ctx.sessions.create(_grant(app, scopes, account_id=user.account_id))


async def _for_refresh(ctx: Context, app: App, asked: Asked) -> Tokens:
    scopes = oauth_scopes.parse(asked.scope) if asked.scope.strip() else ()
    return await ctx.sessions.refresh(refresh_token=asked.refresh_token, app_id=app.id, scopes=scopes)


def _scopes(app: App, text: str) -> tuple[str, ...]:
    if not text.strip() and not oauth_scopes.contain(app.scopes, oauth_scopes.DEFAULT):
        return tuple(app.scopes)  # it never registered the default, and asks for nothing else
    scopes = oauth_scopes.parse(text)
    if not oauth_scopes.contain(app.scopes, scopes):
        raise OAuthError("invalid_scope", BAD_SCOPE)
    return scopes


def _grant(app: App, scopes: tuple[str, ...], *, account_id: int | None) -> Grant:
    # An app on its own gets a new token whenever it likes: it needs no refresh token (RFC 6749 4.4.3).
    offline = "offline_access" in scopes and account_id is not None
    return Grant(account_id, app.id, scopes, offline=offline)


async def revoke(ctx: Context, *, token: str, client_id: str, client_secret: str) -> bool:
    """End the session of an access or refresh token. An unknown token is no error; False when it belongs
    to another application. Raises OAuthError (invalid_client)."""
    app = await authenticate(ctx, client_id=client_id, client_secret=client_secret)
    caller = await ctx.tokens.open(token)
    if caller is not None:
        if caller.app_id != app.id:
            return False
        await ctx.sessions.revoke(session_ids=[caller.session_id], reason="revoked by its application")
        return True
    if session_of(token) is None:
        return True
    async with ctx.pool.connection() as conn:
        family = await sessions.of_refresh_token(conn, token_hash=sha256(token.encode()).digest())
    if family is None:
        return True
    if family.app_id != app.id:
        return False
    await ctx.sessions.revoke(session_ids=[family.session_id], reason="revoked by its application")
    return True


async def suspend(ctx: Context, *, account_id: int) -> None:
    """Suspend an account: its sessions end everywhere within a second, and none can be opened."""
    async with ctx.pool.transaction() as conn:
        await users.suspend(conn, account_id=account_id)
    async with ctx.pool.connection() as conn:
        session_ids = await sessions.of_account(conn, account_id=account_id)
    if session_ids:
        await ctx.sessions.revoke(session_ids=session_ids, reason=SUSPENDED)
