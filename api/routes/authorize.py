"""Pages on which a person signs in and lets an application use their account."""

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import urlencode, urlsplit, urlunsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api import browser, deps, forms, html, problems, scope_words
from api.actions import authorize, sign_in
from api.actions.authorize import Asked
from api.browser import FormToken
from api.tokens import UserCaller
from cluster.errors import InvalidInput, OAuthError, SocialFlowError

router = APIRouter(include_in_schema=False)

Handler = Callable[[Request], Awaitable[Response]]

_HOST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_[]")


class AuthorizeParams(forms.Params):
    """RFC 6749 4.1.1 and RFC 7636 4.3, and Mastodon's own."""

    response_type: str = ""
    client_id: str = ""
    redirect_uri: str = ""
    scope: str = ""
    state: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""
    force_login: forms.Bool = False

    def carried(self) -> dict[str, str]:
        """What has to come along to the next step."""
        names = type(self).model_fields.keys() - {"force_login", "form_token", "decision"}
        return {name: getattr(self, name) for name in sorted(names) if getattr(self, name)}


class DecisionParams(AuthorizeParams):
    """The same, with what the person said."""

    form_token: str = ""
    decision: str = ""


class SignInParams(forms.Params):
    """The sign-in form."""

    username: str = ""
    password: str = ""
    return_to: str = ""
    form_token: str = ""
    again: forms.Bool = False


def shown(handler: Handler) -> Handler:
    """Errors as pages: a person is looking."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except SocialFlowError as error:
            return _refused(request, error)

    return answer


@router.get("/oauth/authorize")
@shown
async def ask(request: Request) -> Response:
    """Show what an application asks for, after signing in."""
    params = await forms.read(request, AuthorizeParams)
    asked = await _asked(request, params)
    if isinstance(asked, Response):
        return asked
    caller = await browser.session(request)
    return_to = f"/oauth/authorize?{urlencode(params.carried())}"
    if caller is None or params.force_login:
        return _see(f"/auth/sign_in?{urlencode({'return_to': return_to, 'again': 'true'})}")
    return await _consent(request, params, asked=asked, caller=caller, return_to=return_to)


@router.post("/oauth/authorize")
@shown
async def decide(request: Request) -> Response:
    """Take the person's decision, and send them back with a code or without."""
    params = await forms.read(request, DecisionParams)
    asked = await _asked(request, params)
    if isinstance(asked, Response):
        return asked
    caller = await browser.session(request)
    if caller is None:
        return_to = f"/oauth/authorize?{urlencode(params.carried())}"
        return _see(f"/auth/sign_in?{urlencode({'return_to': return_to})}")
    FormToken(request).check(_purpose(asked, caller), params.form_token)
    if params.decision != "allow":
        error = OAuthError("access_denied", "The resource owner or authorization server denied the request.")
        return _tell(request, params, error)
    code = await authorize.grant(deps.context(request), asked, account_id=caller.account_id)
    if authorize.shown_here(asked.redirect_uri):
        return html.page("code.html", values={**_common(request), "app": asked.app, "code": code})
    return _back(asked.redirect_uri, code=code, state=params.state)


@router.get("/auth/sign_in")
@shown
async def sign_in_page(request: Request) -> Response:
    """The sign-in form; who is signed in already goes on, unless it is to be somebody else."""
    params = await forms.read(request, SignInParams)
    if not params.again and await browser.session(request) is not None:
        return _see(_local(params.return_to))
    return _sign_in_form(request, params)


@router.post("/auth/sign_in")
@shown
async def sign_in_form(request: Request) -> Response:
    """Check the password and begin a new session."""
    context = deps.context(request)
    params = await forms.read(request, SignInParams)
    FormToken(request).check("sign in", params.form_token)
    address = request.client.host if request.client else ""
    try:
        user = await sign_in.check_password(
            context, login=params.username, password=params.password, address=address
        )
    except InvalidInput as error:
        return _sign_in_form(request, params, problem=error.message)
    before = await browser.session(request)
    tokens = await sign_in.open_browser(context, account_id=user.account_id)
    if before is not None:
        await context.sessions.revoke(session_ids=[before.session_id], reason="signed in anew")
    answer = _see(_local(params.return_to))
    browser.remember(answer, context.settings, tokens.access_token)
    return answer


@router.post("/auth/sign_out")
@shown
async def sign_out(request: Request) -> Response:
    """End the browser's session."""
    context = deps.context(request)
    params = await forms.read(request, SignInParams)
    caller = await browser.session(request)
    if caller is not None:
        FormToken(request).check(f"sign out/{caller.session_id}", params.form_token)
        await context.sessions.revoke(session_ids=[caller.session_id], reason="signed out")
    answer = _see(_local(params.return_to))
    browser.forget(answer, context.settings)
    return answer


async def _asked(request: Request, params: AuthorizeParams) -> Asked | Response:
    """The request, or the answer that its application gets for a bad one. Raises InvalidInput when nobody
    may be told."""
    app = await authorize.client_of(
        deps.context(request), client_id=params.client_id, redirect_uri=params.redirect_uri
    )
    try:
        return authorize.check(
            app,
            redirect_uri=params.redirect_uri,
            response_type=params.response_type,
            scope=params.scope,
            code_challenge=params.code_challenge,
            code_challenge_method=params.code_challenge_method,
        )
    except OAuthError as error:
        return _tell(request, params, error)


async def _consent(
    request: Request, params: AuthorizeParams, *, asked: Asked, caller: UserCaller, return_to: str
) -> Response:
    username = await sign_in.username_of(deps.context(request), account_id=caller.account_id)
    token = FormToken(request)
    target = urlsplit(asked.redirect_uri)
    values = {
        **_common(request),
        "app": asked.app,
        "username": username,
        "permissions": scope_words.describe(asked.scopes),
        "here": authorize.shown_here(asked.redirect_uri),
        "target": target.netloc or f"{target.scheme}:",
        "fields": params.carried(),
        "form_token": token.make(_purpose(asked, caller)),
        "sign_out_token": token.make(f"sign out/{caller.session_id}"),
        "return_to": return_to,
    }
    answer = html.page("consent.html", form_action=f"'self' {_source(asked.redirect_uri)}", values=values)
    token.keep(answer)
    return answer


def _sign_in_form(request: Request, params: SignInParams, *, problem: str = "") -> Response:
    token = FormToken(request)
    values = {
        **_common(request),
        "problem": problem,
        "username": params.username,
        "return_to": _local(params.return_to),
        "form_token": token.make("sign in"),
    }
    answer = html.page("sign_in.html", status=422 if problem else 200, values=values)
    token.keep(answer)
    return answer


def _refused(request: Request, error: SocialFlowError) -> Response:
    status = problems.status_of(error)
    headings = {429: "Slow down", 503: "Try again in a moment"}
    values = {
        **_common(request),
        "heading": headings.get(status, "This did not work"),
        "problem": error.message,
    }
    answer = html.page("refused.html", status=status, values=values)
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        answer.headers["Retry-After"] = str(max(1, round(retry_after_s)))
    return answer


def _tell(request: Request, params: AuthorizeParams, error: OAuthError) -> Response:
    if authorize.shown_here(params.redirect_uri):
        return _refused(request, error)
    return _back(params.redirect_uri, error=error.code, error_description=error.message, state=params.state)


def _back(redirect_uri: str, **answer: str) -> Response:
    """To the application, with the answer in the query (RFC 6749 4.1.2)."""
    parts = urlsplit(redirect_uri)
    added = urlencode({name: value for name, value in answer.items() if value})
    query = f"{parts.query}&{added}" if parts.query else added
    return _see(urlunsplit(parts._replace(query=query)))


def _see(url: str) -> Response:
    return RedirectResponse(url, status_code=303, headers={"Cache-Control": "no-store"})


def _local(return_to: str) -> str:
    """A place on this server: only consent pages are ever returned to."""
    return return_to if return_to.startswith("/oauth/authorize?") else "/"


def _source(redirect_uri: str) -> str:
    """Where the consent form may lead, as a policy's source: browsers check redirects after a form, too."""
    parts = urlsplit(redirect_uri)
    if parts.scheme in ("http", "https") and set(parts.netloc) <= _HOST:
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"


def _purpose(asked: Asked, caller: UserCaller) -> str:
    return f"consent/{caller.session_id}/{asked.app.id}/{' '.join(asked.scopes)}/{asked.redirect_uri}"


def _common(request: Request) -> dict[str, str]:
    return {"site": deps.context(request).settings.title}
