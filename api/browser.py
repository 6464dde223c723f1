"""A browser on our own pages: its session cookie, and tokens that prove a form was ours (CSRF)."""

import hashlib
import hmac
import secrets

from starlette.requests import Request
from starlette.responses import Response

from api import deps
from api.actions.sign_in import WEB_SCOPE
from api.tokens import UserCaller
from cluster.errors import Forbidden, Unauthenticated
from cluster.settings import Settings

SEED_MAX_AGE_S = 86_400  # a sign-in page may stay open for a day

FORGED = "This form is out of date or was not ours. Go back, reload the page and try again."


def session_cookie(settings: Settings) -> str:
    """The cookie's name. `__Host-` binds it to this host and to TLS, where there is TLS."""
    return "__Host-session" if _secure(settings) else "session"


def seed_cookie(settings: Settings) -> str:
    """The name of the cookie that form tokens are made from."""
    return "__Host-seed" if _secure(settings) else "seed"


async def session(request: Request) -> UserCaller | None:
    """The person whose browser this is, or None. Raises Unavailable when that cannot be known."""
    context = deps.context(request)
    token = request.cookies.get(session_cookie(context.settings))
    if not token:
        return None
    try:
        caller = await context.tokens.verify(token)
    except (Unauthenticated, Forbidden):
        return None
    age_s = context.clock.now().timestamp() - caller.issued_at
    if not isinstance(caller, UserCaller) or caller.scopes != (WEB_SCOPE,):
        return None
    return caller if age_s < context.settings.auth.cookie_ttl_s else None


def remember(response: Response, settings: Settings, token: str) -> None:
    """Sign the browser in: the cookie is the session's own signed token."""
    _set(response, settings, session_cookie(settings), token, max_age=settings.auth.cookie_ttl_s)


def forget(response: Response, settings: Settings) -> None:
    """Sign the browser out."""
    _set(response, settings, session_cookie(settings), "", max_age=0)


class FormToken:
    """Makes and checks the hidden token of one request's forms; `keep` puts its seed into the answer.

    A token is bound to the browser (a cookie that no other site can read), to what the form does, and to
    the session that it was shown to."""

    def __init__(self, request: Request) -> None:
        self._settings = deps.context(request).settings
        self._secret = self._settings.auth.secret.get_secret_value().encode()
        self._given = request.cookies.get(seed_cookie(self._settings), "")
        self._seed = self._given or secrets.token_urlsafe(16)
        self._site = request.headers.get("sec-fetch-site", "")

    def make(self, purpose: str) -> str:
        """The token of a form."""
        message = f"form/{purpose}/{self._seed}".encode()
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()

    def check(self, purpose: str, token: str) -> None:
        """Raises Forbidden unless this browser got this form from us."""
        from_elsewhere = self._site in ("cross-site", "same-site")
        expected = self.make(purpose).encode()
        if not self._given or from_elsewhere or not hmac.compare_digest(expected, token.encode()):
            raise Forbidden(FORGED)

    def keep(self, response: Response) -> None:
        """Let the browser send the seed back."""
        if not self._given:
            name = seed_cookie(self._settings)
            _set(response, self._settings, name, self._seed, max_age=SEED_MAX_AGE_S)


def _set(response: Response, settings: Settings, name: str, value: str, *, max_age: int) -> None:
    # Lax: the cookie comes along when an app sends the person here, and never with another site's POST.
    response.set_cookie(
        name, value, max_age=max_age, path="/", secure=_secure(settings), httponly=True, samesite="lax"
    )


def _secure(settings: Settings) -> bool:
    return settings.public_url.startswith("https://")
