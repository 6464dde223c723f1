"""Finding people, statuses and hashtags; a URL of this server leads to what it names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from api import drawing
from api import text as texts
from api.actions import accounts
from api.context import Context
from cluster.errors import NotFound
from cluster.ids import ID_MAX, parse_id
from db.queries import search
from db.queries.search import Hashtag, StatusesWanted

WORDS_MAX = 8  # words of a query that count; each is one more pattern per candidate
HISTORY_DAYS = 7  # as Mastodon
_DAY_S = 86_400
_PATH = re.compile(r"/(?:@|users/)(?P<name>\w+)(?:/(?:statuses/)?(?P<status>\d+))?/?(?:[?#].*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for. `kind`: accounts, statuses, hashtags, or None for all of them."""

    text: str
    kind: str | None = None
    limit: int = 20
    offset: int = 0
    following: bool = False
    author_id: int | None = None
    max_id: int | None = None
    min_id: int | None = None

    def asks_for(self, kind: str) -> bool:
        """Whether results of this kind are wanted."""
        return self.kind in (None, kind)


@dataclass(slots=True)
class Results:
    """What was found, as JSON: rendered accounts and statuses, hashtags as values."""

    accounts: list[bytes] = field(default_factory=list)
    statuses: list[bytes] = field(default_factory=list)
    hashtags: list[dict[str, Any]] = field(default_factory=list)


async def find(ctx: Context, *, caller_id: int | None, query: Query) -> Results:
    """Everything that the query finds and the caller may see. Anonymous callers find no statuses by words."""
    text = query.text.strip()
    if not text:
        return Results()
    if text.startswith(("http://", "https://")):
        return await _resolve(ctx, url=text, caller_id=caller_id, query=query)
    results = Results()
    if query.asks_for("accounts") and not text.startswith("#"):
        ids = await accounts.search(
            ctx,
            text=text,
            viewer_id=caller_id,
            following=query.following,
            limit=query.limit,
            offset=query.offset,
        )
        results.accounts = await drawing.draw_accounts(ctx, ids=ids)
    if query.asks_for("statuses") and caller_id is not None and not text.startswith(("#", "@")):
        results.statuses = await _statuses(ctx, text=text, caller_id=caller_id, query=query)
    if query.asks_for("hashtags") and not text.startswith("@"):
        results.hashtags = await _hashtags(ctx, text=text, query=query)
    return results


async def _resolve(ctx: Context, *, url: str, caller_id: int | None, query: Query) -> Results:
    base = ctx.settings.public_url
    match = _PATH.fullmatch(url.removeprefix(base)) if url.startswith(base) else None
    results = Results()
    if match is None or query.offset:
        return results
    if match["status"] is None:
        if query.asks_for("accounts"):
            try:
                account_id = await accounts.find(ctx, acct=match["name"])
            except NotFound:
                return results
            results.accounts = await drawing.draw_accounts(ctx, ids=[account_id])
    elif query.asks_for("statuses") and (status_id := parse_id(match["status"])) is not None:
        results.statuses = await drawing.draw_statuses(ctx, ids=[status_id], caller_id=caller_id)
    return results


async def _statuses(ctx: Context, *, text: str, caller_id: int, query: Query) -> list[bytes]:
    wanted = StatusesWanted(
        words=text.split()[:WORDS_MAX],
        low=query.min_id or 0,
        high=query.max_id or ID_MAX,
        author_id=query.author_id,
        limit=query.limit,
        offset=query.offset,
    )
    async with ctx.pool.connection() as conn:
        ids = await search.statuses(conn, account_id=caller_id, wanted=wanted)
    return await drawing.draw_statuses(ctx, ids=ids, caller_id=caller_id)


async def _hashtags(ctx: Context, *, text: str, query: Query) -> list[dict[str, Any]]:
    prefix = texts.tag_name(text.removeprefix("#"))
    if not prefix or " " in prefix:
        return []
    async with ctx.pool.connection() as conn:
        found = await search.tags(conn, prefix=prefix, limit=query.limit, offset=query.offset)
    return await _draw_tags(ctx, found)


async def show_tag(ctx: Context, *, name: str) -> dict[str, Any]:
    """One hashtag; one that nobody has used yet has an empty history. Raises NotFound for no hashtag."""
    key = texts.tag_name(name.removeprefix("#"))
    scanned = texts.scan(f"#{key}", site=texts.Site(ctx.settings.public_url, ctx.settings.domain))
    if [tag.name for tag in scanned.hashtags()] != [key]:
        raise NotFound
    async with ctx.pool.connection() as conn:
        found = await search.tag(conn, name=key)
    (drawn,) = await _draw_tags(ctx, [found or Hashtag(0, key, name.removeprefix("#"))])
    return drawn


async def _draw_tags(ctx: Context, tags: Sequence[Hashtag]) -> list[dict[str, Any]]:
    today = int(ctx.clock.now().timestamp()) // _DAY_S
    since_id = ((today - HISTORY_DAYS + 1) * _DAY_S * 1000) << 16
    async with ctx.pool.connection() as conn:
        days = await search.tag_history(conn, tag_ids=[tag.id for tag in tags], since_id=since_id)
    uses = {(day.tag_id, day.day): day for day in days}
    return [
        {
            "id": str(tag.id),
            "name": tag.display,
            "url": ctx.links.tag(tag.name),
            "history": [
                _history(day, uses.get((tag.id, day))) for day in range(today, today - HISTORY_DAYS, -1)
            ],
            "following": False,
            "featuring": False,
        }
        for tag in tags
    ]


def _history(day: int, used: search.TagDay | None) -> dict[str, str]:
    return {
        "day": str(day * _DAY_S),
        "accounts": str(used.accounts if used else 0),
        "uses": str(used.uses if used else 0),
    }
