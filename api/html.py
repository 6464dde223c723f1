"""HTML pages of the server itself: templates in `api/pages`, escaped by default, under a strict policy."""

import datetime as dt
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from api import assets

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(
    template: str, *, status: int = 200, form_action: str = "'self'", values: Mapping[str, Any] | None = None
) -> HTMLResponse:
    """A page that is never stored or framed, and runs nothing. Styles carry a nonce.

    `form_action`: where its forms may lead, redirects included."""
    nonce = secrets.token_urlsafe(16)
    body = _TEMPLATES.get_template(template).render(nonce=nonce, asset=assets.address, **(values or {}))
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src 'self'; form-action {form_action}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return HTMLResponse(body, status_code=status, headers=headers)


def site_page(
    template: str, *, status: int = 200, images_from: str = "'self'", values: Mapping[str, Any]
) -> HTMLResponse:
    """A page with our own stylesheet and script and nothing else: no inline code, no other hosts.

    `images_from`: where pictures may come from, when objects are served from elsewhere."""
    body = _TEMPLATES.get_template(template).render(asset=assets.address, **values)
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {images_from}; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    return HTMLResponse(
        body, status_code=status, headers={"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
    )


def _day(moment: str) -> str:
    return dt.datetime.fromisoformat(moment).strftime("%-d %b %Y, %H:%M UTC")


_TEMPLATES.filters["day"] = _day
