"""OAuth for applications: tokens, revoking them, who a token belongs to, and what this server can do."""

import base64
import binascii
from typing import Any
from urllib.parse import unquote_plus

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from actors.ports import Tokens
from api import answers, deps, drawing, forms, problems
from api.actions import oauth
from api.actions.oauth import Asked
from api.routes import authorize
from api.scopes import SCOPES
from cluster.errors import InvalidInput, MalformedRequest, OAuthError

router = APIRouter(tags=["oauth"])
router.include_router(authorize.router)

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749 5.1


class TokenParams(forms.Params):
    """What the token endpoint reads, for all grants."""

    grant_type: str = ""
    client_id: str = ""
    client_secret: str = ""
    scope: str = ""
    code: str = ""
    redirect_uri: str = ""
    code_verifier: str = ""
    refresh_token: str = ""
    username: str = ""
    password: str = ""


class RevokeParams(forms.Params):
    """RFC 7009, with the client's proof in the body."""

    client_id: str = ""
    client_secret: str = ""
    token: str = ""


@router.post("/oauth/token")
async def token(request: Request) -> Response:
    """Tokens for a code, for the application itself, or for a refresh token."""
    try:
        params = await forms.read(request, TokenParams)
        given = {**params.model_dump(), **_basic(request)}
        address = request.client.host if request.client else ""
        return render_tokens(await oauth.token(deps.context(request), Asked(**given, address=address)))
    except (InvalidInput, MalformedRequest) as error:
        raise OAuthError("invalid_request", error.message) from error
    except OAuthError as error:
        return await _refuse(request, error)


@router.post("/oauth/revoke")
async def revoke(request: Request) -> Response:
    """End a token's session. An unknown token is fine; somebody else's is not."""
    try:
        params = await forms.read(request, RevokeParams)
        given = {**params.model_dump(), **_basic(request)}
        ours = bool(params.token) and await oauth.revoke(deps.context(request), **given)
    except (InvalidInput, MalformedRequest) as error:
        raise OAuthError("invalid_request", error.message) from error
    except OAuthError as error:
        return await _refuse(request, error)
    if ours:
        return answers.empty()
    refusal = {
        "error": "unauthorized_client",
        "error_description": "You are not authorized to revoke this token",
    }
    return answers.json(refusal, status=403, headers=NO_STORE)


@router.get("/oauth/userinfo")
@router.post("/oauth/userinfo")
async def userinfo(request: Request) -> Response:
    """Who the token's person is, in OpenID Connect's words."""
    caller = await deps.user(request, "profile", "read:accounts")
    context = deps.context(request)
    account: dict[str, Any] = orjson.loads(await drawing.draw_account(context, account_id=caller.account_id))
    return answers.json(
        {
            "iss": context.settings.public_url,
            "sub": account["uri"],
            "name": account["display_name"] or account["username"],
            "preferred_username": account["username"],
            "profile": account["url"],
            "picture": account["avatar"],
        }
    )


@router.get("/.well-known/oauth-authorization-server")
async def metadata(request: Request) -> Response:
    """What this authorization server can do (RFC 8414)."""
    settings = deps.context(request).settings
    url = settings.public_url
    grants = ["authorization_code", "client_credentials", "refresh_token"]
    return answers.json(
        {
            "issuer": url,
            "service_documentation": "https://docs.joinmastodon.org/",
            "authorization_endpoint": f"{url}/oauth/authorize",
            "token_endpoint": f"{url}/oauth/token",
            "app_registration_endpoint": f"{url}/api/v1/apps",
            "revocation_endpoint": f"{url}/oauth/revoke",
            "userinfo_endpoint": f"{url}/oauth/userinfo",
            "scopes_supported": SCOPES,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [*grants, *(["password"] if settings.auth.password_grant else [])],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
        }
    )


def render_tokens(tokens: Tokens) -> Response:
    """Mastodon's Token, and RFC 6749 5.1."""
    answer: dict[str, Any] = {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "scope": " ".join(tokens.scopes),
        "created_at": tokens.created_at,
    }
    if tokens.expires_in_s is not None:
        answer["expires_in"] = tokens.expires_in_s
    if tokens.refresh_token is not None:
        answer["refresh_token"] = tokens.refresh_token
    return answers.json(answer, headers=NO_STORE)


def _basic(request: Request) -> dict[str, str]:
    """The client's proof in the Authorization header (RFC 6749 2.3.1); it wins over the body's."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise OAuthError("invalid_client", "The Authorization header cannot be read") from error
    return {"client_id": unquote_plus(name), "client_secret": unquote_plus(secret)}


async def _refuse(request: Request, error: OAuthError) -> Response:
    answer = await problems.answer_error(request, error)
    if error.code == "invalid_client":
        answer.headers["WWW-Authenticate"] = 'Basic realm="oauth"'
    return answer
