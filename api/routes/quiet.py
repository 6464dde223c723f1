"""Lists that clients ask for and that are empty here: no other servers, nothing trending, no filters."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answers, deps

router = APIRouter(tags=["instance"])

OPEN = (
    "/api/v1/accounts/{account_id}/featured_tags",
    "/api/v1/accounts/{account_id}/endorsements",
    "/api/v1/custom_emojis",
    "/api/v1/instance/domain_blocks",
    "/api/v1/instance/languages",
    "/api/v1/instance/peers",
    "/api/v1/instance/rules",
    "/api/v1/trends",
    "/api/v1/trends/links",
    "/api/v1/trends/statuses",
    "/api/v1/trends/tags",
)
OWN = {
    "/api/v1/announcements": "",
    "/api/v1/domain_blocks": "read:blocks",
    "/api/v1/endorsements": "read:accounts",
    "/api/v1/featured_tags": "read:accounts",
    "/api/v1/featured_tags/suggestions": "read:accounts",
    "/api/v1/filters": "read:filters",
    "/api/v2/filters": "read:filters",
    "/api/v1/followed_tags": "read:follows",
    "/api/v1/scheduled_statuses": "read:statuses",
}
"""Path -> the scope that reading it needs."""


async def nothing(_request: Request) -> Response:
    """An empty list, for everybody."""
    return answers.json([])


def nothing_of_yours(scope: str) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that answers signed-in people with an empty list."""

    async def endpoint(request: Request) -> Response:
        """An empty list, for a signed-in person."""
        await deps.user(request, *([scope] if scope else []))
        return answers.json([])

    return endpoint


for _path in OPEN:
    router.add_api_route(_path, nothing, methods=["GET"])
for _path, _scope in OWN.items():
    router.add_api_route(_path, nothing_of_yours(_scope), methods=["GET"])
