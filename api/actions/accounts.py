"""Profiles: the owner's view, changing them, finding others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from api import credentials as owner
from api import drawing, entities, hydrate
from api import text as texts
from api.actions import follows, media
from api.announce import announce
from api.context import Context
from cluster.errors import FieldError, InvalidInput, NotFound, SocialFlowError
from cluster.events import AccountChanged, Event, ViewerChanged
from db.pool import Connection
from db.queries import accounts, outbox, relations
from db.queries.accounts import Credentials, ProfileChange

# Limits of Mastodon (app/models/account.rb, app/validators/note_length_validator.rb).
DISPLAY_NAME_CHARACTERS_MAX = 30
NOTE_CHARACTERS_MAX = 500
FIELDS_MAX = 4
FIELD_CHARACTERS_MAX = 255
SEARCH_CHARACTERS_MAX = 256  # longer than any name; a longer query is cut


@dataclass(frozen=True, slots=True)
class ProfileEdit:
    """What the owner asks to change; None leaves a member as it is. An image without bytes removes
    the one there is."""

    display_name: str | None = None
    note: str | None = None
    fields: Sequence[tuple[str, str]] | None = None
    avatar: bytes | None = None
    header: bytes | None = None
    locked: bool | None = None
    bot: bool | None = None
    discoverable: bool | None = None
    indexable: bool | None = None
    hide_collections: bool | None = None
    privacy: str | None = None
    sensitive: bool | None = None
    language: str | None = None  # empty: none


async def show_own(ctx: Context, *, account_id: int) -> bytes:
    """The caller's account with `source` and `role`."""
    own = await credentials(ctx, account_id=account_id)
    account = await drawing.draw_account(ctx, account_id=account_id)
    return entities.extended(
        account, {"source": owner.render_source(own), "role": owner.render_role(own.role)}
    )


async def credentials(ctx: Context, *, account_id: int) -> Credentials:
    """The caller's private settings. Raises NotFound when the account is gone."""
    async with ctx.pool.connection() as conn:
        own = await accounts.credentials(conn, account_id=account_id)
    if own is None:
        raise NotFound
    return own


async def edit(ctx: Context, *, account_id: int, change: ProfileEdit) -> None:
    """Change the caller's profile and defaults, all or nothing. Raises InvalidInput with every reason."""
    _check(change, _site(ctx))
    images: dict[str, str] = {}
    try:
        for kind, data in _images(change):
            if data is not None:
                images[kind] = await media.store_profile_image(ctx, data=data, kind=kind) if data else ""
        before = await _write(ctx, account_id=account_id, change=change, images=images)
    except SocialFlowError:
        await media.delete_objects(ctx, [key for key in images.values() if key])
        raise
    old = {"avatar": before.avatar_key, "header": before.header_key}
    await media.delete_objects(ctx, [key for kind in images if (key := old[kind])])
    if before.locked and change.locked is False:
        await follows.authorize_all(ctx, account_id=account_id)


def _images(change: ProfileEdit) -> tuple[tuple[Literal["avatar", "header"], bytes | None], ...]:
    return (("avatar", change.avatar), ("header", change.header))


async def _write(
    ctx: Context, *, account_id: int, change: ProfileEdit, images: Mapping[str, str]
) -> Credentials:
    """One transaction; what the profile was before."""
    async with ctx.pool.transaction() as conn:
        await relations.lock_pair(conn, account_id=account_id, target_id=account_id)
        before = await accounts.credentials(conn, account_id=account_id)
        if before is None:
            raise NotFound
        profile = await _profile(ctx, conn, change)
        profile = replace(profile, avatar_key=images.get("avatar"), header_key=images.get("header"))
        await accounts.update_profile(conn, account_id=account_id, change=profile)
        await accounts.update_defaults(
            conn,
            account_id=account_id,
            privacy=change.privacy,
            sensitive=change.sensitive,
            language=change.language,
        )
        events: list[Event] = [AccountChanged(account_id), ViewerChanged(account_id, "preferences")]
        rows = await outbox.append(conn, events=events)
    await announce(ctx, rows)
    return before


async def _profile(ctx: Context, conn: Connection, change: ProfileEdit) -> ProfileChange:
    site = _site(ctx)
    typed = [change.note or "", *(value for _, value in change.fields or ())]
    names = {name for text in typed for name in texts.scan(texts.clean(text), site=site).usernames()}
    people = await accounts.spellings(conn, usernames=sorted(names)) if names else {}
    note = None if change.note is None else texts.clean(change.note)
    return ProfileChange(
        display_name=None if change.display_name is None else _one_line(change.display_name),
        note=note,
        note_html=None if note is None else texts.profile_html(note, site=site, people=people),
        fields=None
        if change.fields is None
        else [
            {
                "name": _one_line(name),
                "value": texts.clean(value),
                "value_html": texts.profile_html(value, site=site, people=people, field=True),
                "verified_at": None,
            }
            for name, value in change.fields
            if name.strip() or value.strip()
        ],
        locked=change.locked,
        bot=change.bot,
        discoverable=change.discoverable,
        indexable=change.indexable,
        hide_collections=change.hide_collections,
    )


def _check(change: ProfileEdit, site: texts.Site) -> None:
    problems: list[FieldError] = []
    if change.display_name is not None and texts.graphemes(change.display_name) > DISPLAY_NAME_CHARACTERS_MAX:
        problems.append(_too_long("display_name", DISPLAY_NAME_CHARACTERS_MAX))
    if change.note is not None and texts.scan(texts.clean(change.note), site=site).longer_than(
        NOTE_CHARACTERS_MAX
    ):
        problems.append(_too_long("note", NOTE_CHARACTERS_MAX))
    fields = [(name, value) for name, value in change.fields or () if name.strip() or value.strip()]
    if len(fields) > FIELDS_MAX:
        problems.append(
            FieldError("fields", "ERR_TOO_LONG", f"has too many entries (maximum is {FIELDS_MAX})")
        )
    if any(max(len(name), len(value)) > FIELD_CHARACTERS_MAX for name, value in fields):
        problems.append(_too_long("fields", FIELD_CHARACTERS_MAX))
    if any(not name.strip() for name, _ in fields):
        problems.append(FieldError("fields", "ERR_BLANK", "needs a label for every entry"))
    if problems:
        reasons = [f"{one.field.replace('_', ' ').capitalize()} {one.description}" for one in problems]
        raise InvalidInput(f"Validation failed: {', '.join(reasons)}", problems)


def _too_long(field: str, maximum: int) -> FieldError:
    return FieldError(field, "ERR_TOO_LONG", f"is too long (maximum is {maximum} characters)")


def _one_line(text: str) -> str:
    return " ".join(texts.clean(text).split())


def _site(ctx: Context) -> texts.Site:
    return texts.Site(ctx.settings.public_url, ctx.settings.domain)


async def find(ctx: Context, *, acct: str) -> int:
    """The account called `name`, `@name` or `name@this-server`. Raises NotFound."""
    name, _, domain = acct.strip().removeprefix("@").partition("@")
    if not name or (domain and domain.lower() != ctx.settings.domain.lower()):
        raise NotFound
    async with ctx.pool.connection() as conn:
        found = await accounts.id_of_username(conn, username=name)
    if found is None:
        raise NotFound
    return found


async def username(ctx: Context, *, account_id: int) -> str:
    """The name of an account as its owner writes it. Raises NotFound."""
    cards = await ctx.cards.accounts((account_id,))
    if account_id not in cards:
        raise NotFound
    return cards[account_id].account.username


async def search(
    ctx: Context, *, text: str, viewer_id: int | None, following: bool, limit: int, offset: int = 0
) -> list[int]:
    """Accounts by name; an exact name comes first, whatever stands between the two people."""
    name, _, domain = text.strip().removeprefix("@")[:SEARCH_CHARACTERS_MAX].partition("@")
    if not name or (domain and domain.lower() != ctx.settings.domain.lower()):
        return []
    async with ctx.pool.connection() as conn:
        return await accounts.search(
            conn, text=name, viewer_id=viewer_id, following=following, limit=limit, offset=offset
        )


async def familiar_followers(
    ctx: Context, *, account_id: int, target_ids: Sequence[int]
) -> list[tuple[int, list[bytes]]]:
    """For each target: some of those whom the caller follows and who follow the target."""
    async with ctx.pool.connection() as conn:
        pairs = await accounts.familiar_followers(conn, account_id=account_id, target_ids=target_ids)
    cards = await hydrate.accounts(ctx, ids={follower for _, follower in pairs})
    return [
        (
            target_id,
            [cards[follower].json for target, follower in pairs if target == target_id and follower in cards],
        )
        for target_id in target_ids
    ]


async def suggestions(ctx: Context, *, account_id: int, limit: int) -> list[int]:
    """Whom the caller may want to follow."""
    async with ctx.pool.connection() as conn:
        return await accounts.suggested(conn, account_id=account_id, limit=limit)


async def directory(ctx: Context, *, newest: bool, limit: int, offset: int) -> list[int]:
    """Discoverable people: the newest, or the most recently active."""
    async with ctx.pool.connection() as conn:
        return await accounts.directory(conn, newest=newest, limit=limit, offset=offset)
