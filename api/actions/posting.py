"""From what an author typed to a status that may be written: text, reply, media, defaults."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api import hydrate, rules, text
from api.cards import Card
from api.context import Context
from api.text import Scan, Site
from api.writers import Key, Post
from cluster.errors import FieldError, InvalidInput, NotFound
from cluster.events import Visibility
from db.entities import Media
from db.queries import media, statuses
from db.queries.statuses import NewStatus, PostingDefaults

CODE_POINTS_PER_CHARACTER_MAX = 20  # the longest emoji families have 11; stacks of accents end here
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")
_VISIBILITIES = frozenset(Visibility)
_NO_DEFAULTS = PostingDefaults()


@dataclass(frozen=True, slots=True)
class Draft:
    """A status as its author sends it. None: the author's default."""

    account_id: int
    text: str = ""
    visibility: str | None = None
    spoiler_text: str = ""
    sensitive: bool | None = None
    language: str | None = None
    in_reply_to_id: int | None = None
    media_ids: tuple[int, ...] = ()
    idempotency_key: str | None = None
    app_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """What drafts refer to, fetched for all of them at once."""

    defaults: Mapping[int, PostingDefaults]
    people: Mapping[int, Mapping[str, tuple[int, str]]]  # author -> lower-case name -> (id, spelling)
    parents: Mapping[int, Card]  # by the id that was asked


def site_of(ctx: Context) -> Site:
    """Where links in texts lead."""
    return Site(ctx.settings.public_url, ctx.settings.domain)


def read_text(ctx: Context, *, typed: str, warning: str, has_media: bool) -> tuple[Scan, str]:
    """The text, scanned, and the content warning. A warning alone is the text. Raises InvalidInput."""
    limit = ctx.settings.statuses.characters_max
    if len(typed) + len(warning) <= limit * CODE_POINTS_PER_CHARACTER_MAX:
        body, warning = text.clean(typed), text.clean(warning)
        if not body and not has_media:
            body, warning = warning, ""
        if not body and not has_media:
            raise _refused("text", "ERR_BLANK", "can't be blank")
        scan = text.scan(body, site=site_of(ctx))
        if not scan.longer_than(limit - (text.graphemes(warning) if warning else 0)):
            return scan, warning
    raise _refused("text", "ERR_TOO_LONG", f"character limit of {limit} exceeded")


async def prepare(ctx: Context, drafts: Sequence[Draft]) -> list[Post]:
    """The drafts as posts to write. Raises InvalidInput, or NotFound for a reply to what the author may
    not see; then none of them is prepared."""
    read = [
        read_text(ctx, typed=draft.text, warning=draft.spoiler_text, has_media=bool(draft.media_ids))
        for draft in drafts
    ]
    found = await _find(ctx, drafts, [scan for scan, _ in read])
    for draft in drafts:
        if draft.media_ids:
            await check_media(ctx, account_id=draft.account_id, ids=draft.media_ids)
    return [
        _post(ctx, draft, scan, warning, found) for draft, (scan, warning) in zip(drafts, read, strict=True)
    ]


async def _find(ctx: Context, drafts: Sequence[Draft], scans: Sequence[Scan]) -> _Found:
    undecided = {
        draft.account_id for draft in drafts if None in (draft.visibility, draft.sensitive, draft.language)
    }
    named = [
        (draft.account_id, name)
        for draft, scan in zip(drafts, scans, strict=True)
        if scan.entities
        for name in scan.usernames()
    ]
    defaults: Mapping[int, PostingDefaults] = {}
    if undecided:
        async with ctx.pool.connection() as conn:
            defaults = await statuses.posting_defaults(conn, account_ids=list(undecided))
    people = await find_people(ctx, named) if named else {}
    return _Found(defaults, people, await _find_parents(ctx, drafts))


async def find_people(
    ctx: Context, named: Sequence[tuple[int, str]]
) -> dict[int, dict[str, tuple[int, str]]]:
    """Whom (author, lower-case name) pairs mean: author -> name -> (id, spelling)."""
    people: dict[int, dict[str, tuple[int, str]]] = {}
    async with ctx.pool.connection() as conn:
        for row in await statuses.mentionable(conn, asked=named):
            person = (row["id"], row["username"])
            people.setdefault(row["author_id"], {})[row["username"].lower()] = person
    return people


async def _find_parents(ctx: Context, drafts: Sequence[Draft]) -> dict[int, Card]:
    replies = [draft for draft in drafts if draft.in_reply_to_id is not None]
    if not replies:
        return {}
    cards = await ctx.cards.get_many({draft.in_reply_to_id for draft in replies if draft.in_reply_to_id})
    for draft in replies:
        card = cards.get(draft.in_reply_to_id or 0)
        viewer = await hydrate.viewer_of(ctx, draft.account_id)
        if card is None or not rules.may_see(card, viewer):
            raise NotFound("The post you are trying to reply to does not appear to exist.")
    return {asked: card.proper for asked, card in cards.items()}


async def check_media(
    ctx: Context, *, account_id: int, ids: Sequence[int], status_id: int | None = None
) -> list[Media]:
    """The author's media that can be attached (to a new status, or to this one). Raises InvalidInput."""
    limit = ctx.settings.statuses.media_max
    if len(ids) > limit:
        raise InvalidInput(f"Cannot attach more than {limit} files")
    async with ctx.pool.connection() as conn:
        owned = await media.own(conn, account_id=account_id, ids=ids)
    missing = [id_ for id_ in ids if id_ not in owned or owned[id_].status_id not in (None, status_id)]
    if missing:
        listed = ", ".join(str(id_) for id_ in missing)
        raise InvalidInput(f"Media {listed} not found or already attached to another post")
    return [owned[id_] for id_ in ids]


def _post(ctx: Context, draft: Draft, scan: Scan, warning: str, found: _Found) -> Post:
    account_id = draft.account_id
    defaults = found.defaults.get(account_id, _NO_DEFAULTS)
    people = found.people.get(account_id, {})
    composed = text.render(
        scan, site=site_of(ctx), people={name: spelling for name, (_, spelling) in people.items()}
    )
    parent = found.parents.get(draft.in_reply_to_id) if draft.in_reply_to_id is not None else None
    sensitive = defaults.sensitive if draft.sensitive is None else draft.sensitive
    key = draft.idempotency_key
    return Post(
        NewStatus(
            account_id,
            visibility_of(draft.visibility or defaults.privacy),
            scan.text,
            composed.html,
            warning,
            sensitive or bool(warning),
            language_of(draft.language) or defaults.language,
            parent.id if parent is not None else None,
            _answered_account(parent, account_id) if parent is not None else None,
            parent.conversation_id if parent is not None else None,
            None,
            draft.app_id,
        ),
        tuple(people[name][0] for name in composed.usernames),
        composed.hashtags,
        draft.media_ids,
        Key(key, ctx.settings.statuses.idempotency_ttl_s) if key else None,
    )


def _answered_account(parent: Card, account_id: int) -> int:
    """Going on with one's own answer to somebody still answers that person (as Mastodon)."""
    if parent.account_id == account_id and parent.in_reply_to_account_id is not None:
        return parent.in_reply_to_account_id
    return parent.account_id


def visibility_of(value: str) -> str:
    """A known visibility. Raises InvalidInput."""
    if value not in _VISIBILITIES:
        raise InvalidInput(
            f"'{value[:50]}' is not a valid visibility",
            (FieldError("visibility", "ERR_INCLUSION", "is not included in the list"),),
        )
    return value


def language_of(value: str | None) -> str | None:
    """A language code, or None: Mastodon ignores what is none."""
    return value if value and _LANGUAGE.fullmatch(value) else None


def _refused(field: str, code: str, words: str) -> InvalidInput:
    return InvalidInput(f"Validation failed: {field.capitalize()} {words}", (FieldError(field, code, words),))
