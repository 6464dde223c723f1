"""Responses: JSON values, bytes that are JSON already, and pages with a `Link` header. Pure."""

from typing import Any
from urllib.parse import quote, urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response

from db.pages import Page

JSON = "application/json; charset=utf-8"


def json(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Any JSON-ready value."""
    return Response(orjson.dumps(value), status_code=status, media_type=JSON, headers=headers)


def raw(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Bytes that are JSON already."""
    return Response(body, status_code=status, media_type=JSON, headers=headers)


def empty() -> Response:
    """`{}`: what Mastodon answers when an act has no result."""
    return raw(b"{}")


def array(parts: list[bytes]) -> bytes:
    """Rendered values joined into a JSON array."""
    return b"[" + b",".join(parts) + b"]"


def page(request: Request, page: Page[Any], body: bytes) -> Response:
    """A page of a list with `Link: rel="next"` first, as clients expect.

    The cursors are the page's own, not those of its entries: a page whose entries were all hidden from
    this viewer still leads on.
    """
    if page.newest is None and page.oldest is None:
        return raw(body)
    url = _url_before_cursor(request)
    links = []
    if page.oldest is not None and page.more:
        links.append(f'<{url}max_id={page.oldest}>; rel="next"')
    if page.newest is not None:
        links.append(f'<{url}min_id={page.newest}>; rel="prev"')
    return raw(body, headers={"Link": ", ".join(links)} if links else None)


def _url_before_cursor(request: Request) -> str:
    """This page's address up to where a cursor is added, with the other parameters kept."""
    url = f"{request.app.state.context.settings.public_url}{quote(request.scope['path'])}?"
    if not request.scope["query_string"]:
        return url
    kept = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in ("max_id", "since_id", "min_id", "access_token")
    ]
    return f"{url}{urlencode(kept)}&" if kept else url
