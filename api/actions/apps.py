"""Applications: registering one, and proving to be one."""

import hmac
import secrets
from collections.abc import Sequence
from hashlib import sha256
from urllib.parse import urlsplit

from api import scopes as oauth_scopes
from api.context import Context
from cluster.errors import FieldError, InvalidInput, NotFound, OAuthError
from db.queries import oauth
from db.queries.oauth import App as App

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
NAME_MAX = 60  # as Mastodon
URI_MAX = 2000  # as Mastodon
URIS_MAX = 20  # no client registers more than a few

# A browser would run these instead of leaving for the app.
_FORBIDDEN_SCHEMES = frozenset(
    ("data", "javascript", "vbscript", "about", "blob", "file", "filesystem", "view-source")
)


async def register(
    ctx: Context, *, name: str, redirect_uris: Sequence[str], scopes: str, website: str
) -> tuple[App, str]:
    """Register an application; its secret, which is shown this once. Raises InvalidInput."""
    uris = [uri for text in redirect_uris for uri in text.split()]
    fields = [*_name_errors(name.strip()), *_uri_errors(uris), *_website_errors(website.strip())]
    try:
        granted = oauth_scopes.parse(scopes)
    except OAuthError:
        fields.append(FieldError("scopes", "ERR_INVALID", "doesn't match configured on the server."))
        granted = ()
    if fields:
        raise _invalid(fields)
    secret = secrets.token_urlsafe(32)
    async with ctx.pool.transaction() as conn:
        app = await oauth.insert_app(
            conn,
            client_id=secrets.token_urlsafe(32),
            secret_hash=sha256(secret.encode()).digest(),
            name=name.strip(),
            website=website.strip() or None,
            redirect_uris=uris,
            scopes=granted,
        )
    return app, secret


async def find(ctx: Context, *, app_id: int) -> App:
    """One application. Raises NotFound."""
    async with ctx.pool.connection() as conn:
        app = await oauth.app_by_id(conn, app_id=app_id)
    if app is None:
        raise NotFound
    return app


async def authenticate(ctx: Context, *, client_id: str, client_secret: str) -> App:
    """The application that knows its secret. Raises OAuthError (invalid_client), whatever was wrong."""
    async with ctx.pool.connection() as conn:
        app = await oauth.app_by_client_id(conn, client_id=client_id)
    given = sha256(client_secret.encode()).digest()
    if not hmac.compare_digest(given, app.secret_hash if app else b"") or app is None:
        raise OAuthError(
            "invalid_client",
            "Client authentication failed due to unknown client, no client authentication included, or "
            "unsupported authentication method.",
        )
    return app


def _name_errors(name: str) -> list[FieldError]:
    if not name:
        return [FieldError("client_name", "ERR_BLANK", "can't be blank")]
    if len(name) > NAME_MAX:
        return [FieldError("client_name", "ERR_TOO_LONG", f"is too long (maximum is {NAME_MAX} characters)")]
    return []


def _uri_errors(uris: Sequence[str]) -> list[FieldError]:
    if not uris:
        return [FieldError("redirect_uri", "ERR_BLANK", "can't be blank")]
    if len(uris) > URIS_MAX or any(len(uri) > URI_MAX for uri in uris):
        return [FieldError("redirect_uri", "ERR_TOO_LONG", "is too long")]
    return [error for uri in uris for error in _one_uri_error(uri)][:1]


def _one_uri_error(uri: str) -> list[FieldError]:
    if uri == OUT_OF_BAND:
        return []
    try:
        parts = urlsplit(uri)
    except ValueError:
        return [FieldError("redirect_uri", "ERR_INVALID", "must be a valid URI.")]
    if not parts.scheme or not uri.isprintable() or (parts.scheme in ("http", "https") and not parts.netloc):
        return [FieldError("redirect_uri", "ERR_INVALID", "must be an absolute URI.")]
    if parts.scheme in _FORBIDDEN_SCHEMES:
        return [FieldError("redirect_uri", "ERR_INVALID", "is forbidden by the server.")]
    if parts.fragment:
        return [FieldError("redirect_uri", "ERR_INVALID", "cannot contain a fragment.")]
    return []


def _website_errors(website: str) -> list[FieldError]:
    if len(website) > URI_MAX:
        return [FieldError("website", "ERR_TOO_LONG", f"is too long (maximum is {URI_MAX} characters)")]
    if website and not website.startswith(("http://", "https://")):
        return [FieldError("website", "ERR_INVALID", "is not a valid URL")]
    return []


_WORDS = {"client_name": "Application name", "redirect_uri": "Redirect URI"}


def _invalid(fields: Sequence[FieldError]) -> InvalidInput:
    reasons = [f"{_WORDS.get(field.field, field.field.capitalize())} {field.description}" for field in fields]
    return InvalidInput(f"Validation failed: {', '.join(reasons)}", fields)
