"""Errors -> responses and websocket close codes. The only place that knows HTTP numbers of errors.

The body serves Mastodon clients (`error`, `error_description`, `details`) and RFC 9457 readers (`type`,
`title`, `status`, `detail`, `instance`) at once. Its content type stays `application/json` unless the client
asks for `application/problem+json`, because widespread clients refuse to parse anything else.
"""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Problem:
    """What a kind of error looks like from outside. Close codes: 4000-4499 come back, 4500-4999 do not."""

    status: int
    close_code: int


PROBLEMS: dict[type[SocialFlowError], Problem] = {
    errors.InvalidInput: Problem(422, 4522),
    errors.MalformedRequest: Problem(400, 4500),
    errors.Unauthenticated: Problem(401, 4501),
    errors.Forbidden: Problem(403, 4503),
    errors.NotFound: Problem(404, 4504),
    errors.Gone: Problem(410, 4510),
    errors.Conflict: Problem(409, 4409),
    errors.TooLarge: Problem(413, 4513),
    errors.RateLimited: Problem(429, 4429),
    errors.Overloaded: Problem(503, 4403),
    errors.Unavailable: Problem(503, 4404),
    errors.DependencyFailed: Problem(502, 4405),
    errors.OAuthError: Problem(400, 4520),
    errors.SetupError: Problem(500, 4599),
}


def problem_of(error: SocialFlowError) -> Problem:
    """The entry for an error's kind, or for the nearest kind above it."""
    for kind in type(error).__mro__:
        if kind in PROBLEMS:
            return PROBLEMS[kind]
    return Problem(500, 4599)


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
    status = problem_of(error).status
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
