"""Search, and hashtags by name."""

from typing import Literal

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answers, deps, forms, paging
from api.actions import search
from cluster.errors import InvalidInput, Unauthenticated
from cluster.ids import parse_id

router = APIRouter(tags=["search"])


class SearchParams(forms.Params):
    """What to look for. `following` restricts people to those whom the caller follows."""

    q: str
    type: Literal["accounts", "hashtags", "statuses"] | None = None
    limit: int | None = None
    offset: int = 0
    resolve: forms.Bool = False
    following: forms.Bool = False
    account_id: str | None = None
    max_id: forms.Id | None = None
    min_id: forms.Id | None = None


@router.get("/api/v2/search")
async def find(request: Request) -> Response:
    """People, statuses and hashtags; a URL of this server finds what it names."""
    caller = await deps.anyone(request, "read:search")
    params = await forms.read(request, SearchParams)
    if caller is None and (params.offset or params.resolve):
        raise Unauthenticated("Search queries pagination and resolving need an authenticated user")
    if not params.q.strip():
        raise InvalidInput("Validation failed: Q can't be blank")
    limit, offset = paging.bounded(limit=params.limit, default=20, maximum=40, offset=params.offset)
    results = await search.find(
        deps.context(request),
        caller_id=caller.account_id if caller else None,
        query=search.Query(
            text=params.q,
            kind=params.type,
            limit=limit,
            offset=offset if params.type else 0,  # without a type nobody could say what is skipped
            following=params.following and caller is not None,
            author_id=parse_id(params.account_id) or 0 if params.account_id else None,
            max_id=params.max_id,
            min_id=params.min_id,
        ),
    )
    return answers.raw(
        b'{"accounts":%b,"statuses":%b,"hashtags":%b}'
        % (
            answers.array(results.accounts),
            answers.array(results.statuses),
            orjson.dumps(results.hashtags),
        )
    )


@router.get("/api/v1/tags/{name}")
async def tag(request: Request, name: str) -> Response:
    """One hashtag, with how much it was used lately."""
    await deps.anyone(request, "read:follows")
    return answers.json(await search.show_tag(deps.context(request), name=name))
