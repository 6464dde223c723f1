"""Lists of people, and who is in them."""

from dataclasses import replace
from typing import Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api import answers, deps, entities, forms, paging
from api.actions import lists
from api.actions.lists import ListChange

router = APIRouter(tags=["lists"])

MEMBERS_MAX = 200  # accounts put in or taken out with one request


class ListParams(forms.Params):
    """What a list is like; absent members stay."""

    title: str | None = None
    replies_policy: Literal["followed", "list", "none"] | None = None
    exclusive: forms.Bool | None = None


class MembersParams(forms.Params):
    """Whom to put in or take out."""

    account_ids: list[str] = Field([], max_length=MEMBERS_MAX)


@router.get("/api/v1/lists")
async def index(request: Request) -> Response:
    """The caller's lists."""
    caller = await deps.user(request, "read:lists")
    found = await lists.of_account(deps.context(request), account_id=caller.account_id)
    return answers.json([entities.render_list(one) for one in found])


@router.post("/api/v1/lists")
async def create(request: Request) -> Response:
    """Make a list."""
    caller = await deps.user(request, "write:lists")
    change = _change(await forms.read(request, ListParams))
    made = await lists.create(deps.context(request), account_id=caller.account_id, change=change)
    return answers.json(entities.render_list(made))


@router.get("/api/v1/lists/{list_id}")
async def show(request: Request, list_id: str) -> Response:
    """One of the caller's lists."""
    caller = await deps.user(request, "read:lists")
    found = await lists.show(
        deps.context(request), account_id=caller.account_id, list_id=deps.path_id(list_id)
    )
    return answers.json(entities.render_list(found))


@router.put("/api/v1/lists/{list_id}")
async def update(request: Request, list_id: str) -> Response:
    """Rename a list, or change what it shows."""
    caller = await deps.user(request, "write:lists")
    change = _change(await forms.read(request, ListParams))
    changed = await lists.update(
        deps.context(request),
        account_id=caller.account_id,
        list_id=deps.path_id(list_id),
        change=change,
    )
    return answers.json(entities.render_list(changed))


@router.delete("/api/v1/lists/{list_id}")
async def delete(request: Request, list_id: str) -> Response:
    """Remove a list."""
    caller = await deps.user(request, "write:lists")
    await lists.delete(deps.context(request), account_id=caller.account_id, list_id=deps.path_id(list_id))
    return answers.empty()


@router.get("/api/v1/lists/{list_id}/accounts")
async def members(request: Request, list_id: str) -> Response:
    """Who is in a list; `limit=0` asks for everybody."""
    caller = await deps.user(request, "read:lists")
    window = deps.window(request, default=paging.LIMIT, maximum=paging.LIMIT_MAX)
    if request.query_params.get("limit") == "0":
        window = replace(window, limit=0)
    page = await lists.members(
        deps.context(request),
        account_id=caller.account_id,
        list_id=deps.path_id(list_id),
        window=window,
    )
    return await paging.people(request, page)


@router.post("/api/v1/lists/{list_id}/accounts")
async def add(request: Request, list_id: str) -> Response:
    """Put followed people into a list."""
    caller = await deps.user(request, "write:lists")
    params = await forms.read(request, MembersParams)
    await lists.add(
        deps.context(request),
        account_id=caller.account_id,
        list_id=deps.path_id(list_id),
        member_ids=[deps.path_id(text) for text in params.account_ids],
    )
    return answers.empty()


@router.delete("/api/v1/lists/{list_id}/accounts")
async def remove(request: Request, list_id: str) -> Response:
    """Take people out of a list."""
    caller = await deps.user(request, "write:lists")
    params = await forms.read(request, MembersParams)
    await lists.remove(
        deps.context(request),
        account_id=caller.account_id,
        list_id=deps.path_id(list_id),
        member_ids=[deps.path_id(text) for text in params.account_ids],
    )
    return answers.empty()


def _change(params: ListParams) -> ListChange:
    return ListChange(params.title, params.replies_policy, params.exclusive)
