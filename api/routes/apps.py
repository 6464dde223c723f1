"""Applications, and signing up through one."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answers, deps, forms
from api.actions import apps, registration
from api.actions.apps import App
from api.actions.registration import SignUp
from api.routes.oauth import render_tokens

router = APIRouter(tags=["apps"])


class AppParams(forms.Params):
    """An application that registers. `redirect_uris`: a list, or a text with one on each line."""

    client_name: str = ""
    redirect_uris: list[str] = []
    scopes: str = ""
    website: str = ""


class SignUpParams(forms.Params):
    """Somebody who signs up."""

    username: str = ""
    email: str = ""
    password: str = ""
    agreement: forms.Bool = False
    locale: str = "en"


@router.post("/api/v1/apps")
async def create(request: Request) -> Response:
    """Register an application; the secret is shown this once."""
    params = await forms.read(request, AppParams)
    app, secret = await apps.register(
        deps.context(request),
        name=params.client_name,
        redirect_uris=params.redirect_uris,
        scopes=params.scopes,
        website=params.website,
    )
    credentials = {"client_id": app.client_id, "client_secret": secret, "client_secret_expires_at": 0}
    return answers.json({**render_app(app), **credentials}, headers={"Cache-Control": "no-store"})


@router.get("/api/v1/apps/verify_credentials")
async def verify_credentials(request: Request) -> Response:
    """The application that a token was given to."""
    caller = await deps.app(request)
    return answers.json(render_app(await apps.find(deps.context(request), app_id=caller.app_id)))


@router.post("/api/v1/accounts")
async def sign_up(request: Request) -> Response:
    """A new account and its first token, for an application's own token."""
    caller = await deps.app(request, "write:accounts")
    params = await forms.read(request, SignUpParams)
    form = SignUp(
        username=params.username.strip(),
        email=params.email.strip(),
        password=params.password,
        agreement=params.agreement,
        locale=params.locale or "en",
    )
    return render_tokens(await registration.sign_up(deps.context(request), form, caller=caller))


def render_app(app: App) -> dict[str, Any]:
    """Mastodon's Application, without its secrets."""
    return {
        "id": str(app.id),
        "name": app.name,
        "website": app.website,
        "scopes": app.scopes,
        "redirect_uri": "\n".join(app.redirect_uris),
        "redirect_uris": app.redirect_uris,
        "vapid_key": "",
    }
