"""Accounts: reading, finding, and the caller's own profile. Relations are in routes/relations."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api import answers, credentials, deps, drawing, entities, forms, paging
from api.actions import accounts, lists, relations
from api.actions.accounts import ProfileEdit
from cluster.errors import InvalidInput
from cluster.ids import parse_id

router = APIRouter(tags=["accounts"])

IDS_MAX = 100  # accounts or relationships in one answer; clients ask for a page's authors, 40 at most


LANGUAGE = r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$"  # ISO 639, with a region or script where needed


class IdsParams(forms.Params):
    """Several accounts. Ids that are none are left out of the answer, like those of nobody."""

    id: list[str] = []


class LookupParams(forms.Params):
    """A name, with or without this server's."""

    acct: str


class SearchParams(forms.Params):
    """A name or a part of one."""

    q: str = ""
    limit: int | None = None
    offset: int = 0
    following: forms.Bool = False


class DirectoryParams(forms.Params):
    """Which discoverable people."""

    order: Literal["active", "new"] = "active"
    limit: int | None = None
    offset: int = 0


class LimitParams(forms.Params):
    """How many."""

    limit: int | None = None


class FieldParams(forms.Params):
    """One line of the table in a profile."""

    name: str = ""
    value: str = ""


class SourceParams(forms.Params):
    """Defaults for new posts."""

    privacy: Literal["public", "unlisted", "private"] | None = None
    sensitive: forms.Bool | None = None
    language: Annotated[str, Field(pattern=LANGUAGE)] | None = None  # empty: none


class ProfileParams(forms.Params):
    """The caller's profile; what is absent stays."""

    display_name: str | None = None
    note: str | None = None
    fields_attributes: list[FieldParams] | None = None
    avatar: forms.Upload | None = None
    header: forms.Upload | None = None
    locked: forms.Bool | None = None
    bot: forms.Bool | None = None
    discoverable: forms.Bool | None = None
    indexable: forms.Bool | None = None
    hide_collections: forms.Bool | None = None
    source: SourceParams | None = None


@router.get("/api/v1/accounts/verify_credentials")
async def verify_credentials(request: Request) -> Response:
    """The caller's own account."""
    caller = await deps.user(request, "profile", "read:accounts")
    return answers.raw(await accounts.show_own(deps.context(request), account_id=caller.account_id))


@router.patch("/api/v1/accounts/update_credentials")
async def update_credentials(request: Request) -> Response:
    """Change the caller's profile and defaults."""
    caller = await deps.user(request, "write:accounts")
    params = await forms.read(request, ProfileParams)
    source = params.source or SourceParams()
    change = ProfileEdit(
        display_name=params.display_name,
        note=params.note,
        fields=None
        if params.fields_attributes is None
        else [(field.name, field.value) for field in params.fields_attributes],
        avatar=await _bytes(params.avatar),
        header=await _bytes(params.header),
        locked=params.locked,
        bot=params.bot,
        discoverable=params.discoverable,
        indexable=params.indexable,
        hide_collections=params.hide_collections,
        privacy=source.privacy,
        sensitive=source.sensitive,
        language=source.language,
    )
    ctx = deps.context(request)
    await accounts.edit(ctx, account_id=caller.account_id, change=change)
    return answers.raw(await accounts.show_own(ctx, account_id=caller.account_id))


async def _bytes(upload: forms.Upload | None) -> bytes | None:
    """What was uploaded; an empty file input of a web form is no image."""
    return None if upload is None else await upload.read() or None


@router.delete("/api/v1/profile/avatar")
async def remove_avatar(request: Request) -> Response:
    """Go back to the default avatar."""
    return await _remove_image(request, ProfileEdit(avatar=b""))


@router.delete("/api/v1/profile/header")
async def remove_header(request: Request) -> Response:
    """Go back to the default header."""
    return await _remove_image(request, ProfileEdit(header=b""))


async def _remove_image(request: Request, change: ProfileEdit) -> Response:
    caller = await deps.user(request, "write:accounts")
    ctx = deps.context(request)
    await accounts.edit(ctx, account_id=caller.account_id, change=change)
    return answers.raw(await accounts.show_own(ctx, account_id=caller.account_id))


@router.get("/api/v1/preferences")
async def preferences(request: Request) -> Response:
    """Defaults that the caller's clients share."""
    caller = await deps.user(request, "read:accounts")
    own = await accounts.credentials(deps.context(request), account_id=caller.account_id)
    return answers.json(credentials.render_preferences(own))


@router.get("/api/v1/accounts/lookup")
async def lookup(request: Request) -> Response:
    """The account with this name."""
    params = await forms.read(request, LookupParams)
    ctx = deps.context(request)
    account_id = await accounts.find(ctx, acct=params.acct)
    return answers.raw(await drawing.draw_account(ctx, account_id=account_id))


@router.get("/api/v1/accounts/search")
async def search(request: Request) -> Response:
    """People by name."""
    caller = await deps.user(request, "read:accounts")
    params = await forms.read(request, SearchParams)
    limit, offset = paging.bounded(limit=params.limit, default=40, maximum=80, offset=params.offset)
    ctx = deps.context(request)
    ids = await accounts.search(
        ctx,
        text=params.q,
        viewer_id=caller.account_id,
        following=params.following,
        limit=limit,
        offset=offset,
    )
    return answers.raw(answers.array(await drawing.draw_accounts(ctx, ids=ids)))


@router.get("/api/v1/accounts/relationships")
async def relationships(request: Request) -> Response:
    """How the caller stands to these accounts."""
    caller = await deps.user(request, "read:follows")
    ids = await read_ids(request)
    found = await relations.relationships(deps.context(request), account_id=caller.account_id, target_ids=ids)
    return answers.json([entities.render_relationship(one) for one in found])


@router.get("/api/v1/accounts/familiar_followers")
async def familiar_followers(request: Request) -> Response:
    """Who among those whom the caller follows follows these accounts."""
    caller = await deps.user(request, "read:follows")
    found = await accounts.familiar_followers(
        deps.context(request), account_id=caller.account_id, target_ids=await read_ids(request)
    )
    parts = [b'{"id":"%d","accounts":%b}' % (target, answers.array(drawn)) for target, drawn in found]
    return answers.raw(answers.array(parts))


@router.get("/api/v1/accounts")
async def several(request: Request) -> Response:
    """These accounts; those of nobody are left out."""
    await deps.anyone(request, "read:accounts")
    drawn = await drawing.draw_accounts(deps.context(request), ids=await read_ids(request))
    return answers.raw(answers.array(drawn))


async def read_ids(request: Request) -> list[int]:
    """The ids asked for, each once. Raises InvalidInput for too many."""
    params = await forms.read(request, IdsParams)
    ids = list(dict.fromkeys(found for text in params.id if (found := parse_id(text)) is not None))
    if len(ids) > IDS_MAX:
        raise InvalidInput(f"At most {IDS_MAX} accounts can be asked for at once")
    return ids


@router.get("/api/v1/accounts/{account_id}")
async def show(request: Request, account_id: str) -> Response:
    """One account."""
    await deps.anyone(request, "read:accounts")
    drawn = await drawing.draw_account(deps.context(request), account_id=deps.path_id(account_id))
    return answers.raw(drawn)


@router.get("/api/v1/accounts/{account_id}/lists")
async def lists_with(request: Request, account_id: str) -> Response:
    """The caller's lists that this account is in."""
    caller = await deps.user(request, "read:lists")
    found = await lists.containing(
        deps.context(request), account_id=caller.account_id, member_id=deps.path_id(account_id)
    )
    return answers.json([entities.render_list(one) for one in found])


@router.get("/api/v1/directory")
async def directory(request: Request) -> Response:
    """People who want to be found."""
    params = await forms.read(request, DirectoryParams)
    limit, offset = paging.bounded(limit=params.limit, default=40, maximum=80, offset=params.offset)
    ctx = deps.context(request)
    ids = await accounts.directory(ctx, newest=params.order == "new", limit=limit, offset=offset)
    return answers.raw(answers.array(await drawing.draw_accounts(ctx, ids=ids)))


@router.get("/api/v1/suggestions")
async def suggestions(request: Request) -> Response:
    """People whom the caller may want to follow."""
    return answers.raw(answers.array(await _suggested(request)))


@router.get("/api/v2/suggestions")
async def suggestions_with_source(request: Request) -> Response:
    """People whom the caller may want to follow, and why."""
    why = b'{"source":"past_interactions","sources":["friends_of_friends"],"account":%b}'
    return answers.raw(answers.array([why % drawn for drawn in await _suggested(request)]))


async def _suggested(request: Request) -> list[bytes]:
    caller = await deps.user(request, "read:accounts")
    params = await forms.read(request, LimitParams)
    limit, _ = paging.bounded(limit=params.limit, default=40, maximum=80)
    ctx = deps.context(request)
    ids = await accounts.suggestions(ctx, account_id=caller.account_id, limit=limit)
    return await drawing.draw_accounts(ctx, ids=ids)
