"""Errors -> responses. The only place that knows HTTP numbers of errors; close codes: `api/close_codes.py`.

The body serves Mastodon clients (`error`, `error_description`, `details`) and RFC 9457 readers (`type`,
`title`, `status`, `detail`, `instance`) at once. Its content type stays `application/json` unless the client
asks for `application/problem+json`, because widespread clients refuse to parse anything else.
"""

from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cluster import errors, observe
from cluster.errors import SocialFlowError

log = observe.logger("problems")

PROBLEM_JSON = "application/problem+json"


STATUSES: dict[type[SocialFlowError], int] = {
    errors.InvalidInput: 422,
    errors.MalformedRequest: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Gone: 410,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.RateLimited: 429,
    errors.Overloaded: 503,
    errors.Unavailable: 503,
    errors.DependencyFailed: 502,
    errors.OAuthError: 400,
    errors.SetupError: 500,
}


def status_of(error: SocialFlowError) -> int:
    """The HTTP status of an error's kind, or of the nearest kind above it."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


async def answer_error(request: Request, error: Exception) -> Response:
    """Every error that leaves a route ends here."""
    if isinstance(error, SocialFlowError):
        return _answer_known(request, error)
    if isinstance(error, HTTPException):
        message = {404: "Record not found", 405: "Method not allowed"}.get(error.status_code, error.detail)
        return _respond(request, error.status_code, {"error": message}, dict(error.headers or {}))
    log.error("unhandled_error", path=request.url.path, exc_info=error)
    return _respond(request, 500, {"error": "Something went wrong on our side"}, {})


def _answer_known(request: Request, error: SocialFlowError) -> Response:
    status = status_of(error)
    body: dict[str, Any] = {"error": error.message}
    headers: dict[str, str] = {}
    if isinstance(error, errors.OAuthError):
        body = {"error": error.code, "error_description": error.message}
        headers["Cache-Control"] = "no-store"
        status = 401 if error.code == "invalid_client" else status
    if isinstance(error, errors.InvalidInput) and error.fields:
        details: dict[str, list[dict[str, str]]] = {}
        for field in error.fields:
            details.setdefault(field.field, []).append(
                {"error": field.code, "description": field.description}
            )
        body["details"] = details
    if isinstance(error, errors.RateLimited | errors.Overloaded | errors.Unavailable):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    if isinstance(error, errors.OPERATIONAL) or status >= 500:
        log.warning("request_failed", status=status, kind=type(error).__name__, cause=repr(error.__cause__))
    return _respond(request, status, body, headers)


def _respond(request: Request, status: int, body: dict[str, Any], headers: dict[str, str]) -> Response:
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error"
    full = {
        **body,
        "type": "about:blank",
        "title": phrase,
        "status": status,
        "detail": body.get("error_description", body["error"]),
        "instance": request.url.path,
        "request_id": observe.request_id.get(),
    }
    wants_problem = PROBLEM_JSON in request.headers.get("accept", "")
    media_type = PROBLEM_JSON if wants_problem else "application/json; charset=utf-8"
    return Response(orjson.dumps(full), status_code=status, media_type=media_type, headers=headers)
