"""Pages for people with a browser: what happens now, profiles, posts, hashtags, and the API reference.

They show what everybody may see, whoever looks.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api import browser, close_codes, deps, drawing, html, manifest, problems, text
from api.actions import accounts, instance, sign_in, statuses, timelines
from api.actions.timelines import TagChoice, Wanted
from api.assets import ASSETS
from api.context import Context
from api.reference import sections
from api.routes.streaming import EVENT_STREAMS
from cluster.errors import NotFound, SocialFlowError
from cluster.version import VERSION
from db.pages import Page

router = APIRouter(include_in_schema=False)

CLOSES = sorted(
    {value for value in vars(close_codes).values() if isinstance(value, close_codes.Close)},
    key=lambda close: close.code,
)
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}

Handler = Callable[..., Awaitable[Response]]


def shown(handler: Handler) -> Handler:
    """Errors as pages: a person is looking."""

    @wraps(handler)
    async def answer(request: Request, **parameters: str) -> Response:
        try:
            return await handler(request, **parameters)
        except SocialFlowError as error:
            status = problems.status_of(error)
            heading = "Nothing is here" if isinstance(error, NotFound) else HTTPStatus(status).phrase
            words = (
                "It may have been deleted, or it is not for everybody."
                if isinstance(error, NotFound)
                else error.message
            )
            common = {**_common(request), "signed_in": None}
            return html.site_page(
                "problem.html", status=status, values={**common, "heading": heading, "words": words}
            )

    return answer


@router.get("/")
@shown
async def home(request: Request) -> Response:
    """What this server is, and what is posted in public, as it happens."""
    context = deps.context(request)
    page = await timelines.public(context, caller_id=None, window=deps.window(request))
    about = await instance.describe(context)
    return await _page(request, "home.html", posts=_read(page.items), usage=about.usage)


@router.get("/tags/{name}")
@shown
async def tag(request: Request, name: str) -> Response:
    """A hashtag, as it happens."""
    choice = TagChoice(any_of=(text.tag_name(name),))
    page = await timelines.tagged(
        deps.context(request), caller_id=None, window=deps.window(request), choice=choice
    )
    return await _page(
        request, "tag.html", tag=name, posts=_read(page.items), older=_older(f"/tags/{quote(name)}", page)
    )


@router.get("/docs")
@shown
async def reference(request: Request) -> Response:
    """Every method of the API."""
    return await _page(
        request,
        "reference.html",
        sections=sections(request.app.openapi()),
        streams=list(EVENT_STREAMS.items()),
        closes=CLOSES,
    )


@router.get("/assets/{name}")
async def asset(request: Request, name: str) -> Response:
    """A file that pages use."""
    found = ASSETS.get(name)
    if found is None:
        raise NotFound
    headers = FOREVER if request.url.query == f"v={found.version}" else None
    return Response(found.body, media_type=found.media_type, headers=headers)


@router.get("/@{username}")
@shown
async def profile(request: Request, username: str) -> Response:
    """A person and what they posted for everybody."""
    context = deps.context(request)
    account_id = await accounts.find(context, acct=username)
    account = orjson.loads(await drawing.draw_account(context, account_id=account_id))
    if account.get("suspended"):
        raise NotFound
    page = await timelines.authored(
        context,
        account_id=account_id,
        caller_id=None,
        window=deps.window(request),
        wanted=Wanted(exclude_replies=True),
    )
    older = _older(f"/@{account['username']}", page)
    return await _page(request, "profile.html", account=account, posts=_read(page.items), older=older)


@router.get("/@{username}/{status_id}")
@shown
async def status(request: Request, username: str, status_id: str) -> Response:
    """One post with its thread."""
    context = deps.context(request)
    identifier = deps.path_id(status_id)
    post = orjson.loads(await drawing.draw_status(context, status_id=identifier, caller_id=None))
    if post["account"]["username"].lower() != username.lower():
        raise NotFound
    above, below = await statuses.context(context, status_id=identifier, caller_id=None)
    return await _page(request, "status.html", status=post, above=_read(above), below=_read(below))


@router.get("/users/{username}")
async def person(_request: Request, username: str) -> Response:
    """The name of an account among servers leads a browser to its page."""
    return RedirectResponse(f"/@{quote(username)}", status_code=302)


@router.get("/users/{username}/statuses/{status_id}")
async def note(_request: Request, username: str, status_id: str) -> Response:
    """The name of a status among servers leads a browser to its page."""
    return RedirectResponse(f"/@{quote(username)}/{quote(status_id)}", status_code=302)


def _read(drawn: Sequence[bytes]) -> list[Any]:
    return [orjson.loads(one) for one in drawn]


def _older(path: str, page: Page[bytes]) -> str | None:
    return f"{path}?max_id={page.oldest}" if page.more and page.oldest is not None and page.items else None


async def _page(request: Request, template: str, **values: Any) -> Response:
    context = deps.context(request)
    caller = await browser.session(request)
    token = browser.FormToken(request)
    signed_in = None
    if caller is not None:
        signed_in = {
            "username": await sign_in.username_of(context, account_id=caller.account_id),
            "form_token": token.make(f"sign out/{caller.session_id}"),
        }
    answer = html.site_page(
        template,
        images_from=_images_from(context),
        values={**_common(request), "signed_in": signed_in, **values},
    )
    if signed_in is not None:
        token.keep(answer)
    return answer


def _common(request: Request) -> dict[str, Any]:
    settings = deps.context(request).settings
    site = {
        "title": settings.title,
        "description": manifest.DESCRIPTION,
        "version": VERSION,
        "url": settings.public_url,
        "domain": settings.domain,
        "streaming": settings.streaming_url,
    }
    return {"site": site, "path": request.url.path}


def _images_from(context: Context) -> str:
    origins = {
        f"{parts.scheme}://{parts.netloc}"
        for address in (context.links.blob_url("x"), context.settings.public_url)
        if (parts := urlsplit(address)).netloc
    }
    return " ".join(["'self'", *sorted(origins)])
