"""Pages of people: links in, an array of accounts and a `Link` header out."""

from starlette.requests import Request
from starlette.responses import Response

from api import answers, deps, drawing
from cluster.errors import InvalidInput
from db.pages import Page
from db.queries.links import Link

LIMIT, LIMIT_MAX = 40, 80  # lists of people, as Mastodon
OFFSET_MAX = 10_000  # deeper pages by offset cost more than anyone reads


async def people(request: Request, page: Page[Link]) -> Response:
    """The accounts that the page's links lead to."""
    ids = [link.account_id for link in page.items]
    drawn = await drawing.draw_accounts(deps.context(request), ids=ids)
    return answers.page(request, page, answers.array(drawn))


async def muted(request: Request, page: Page[Link]) -> Response:
    """The muted accounts that the page's links lead to, each with the end of its mute."""
    until = {link.account_id: link.expires_at for link in page.items}
    drawn = await drawing.draw_muted_accounts(deps.context(request), until=until)
    return answers.page(request, page, answers.array(drawn))


def bounded(*, limit: int | None, default: int, maximum: int, offset: int = 0) -> tuple[int, int]:
    """(limit, offset) within bounds: a limit is moved inside, as Mastodon does. Raises InvalidInput."""
    if offset < 0 or offset > OFFSET_MAX:
        raise InvalidInput(f"The parameter offset must be between 0 and {OFFSET_MAX}")
    return min(max(limit if limit is not None else default, 1), maximum), offset
