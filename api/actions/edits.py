"""Editing: the new version replaces the whole of the old one, which stays in the history."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from api import drawing, entities, hydrate, text
from api.actions import media, posting, statuses
from api.context import Context
from api.links import Links
from api.revising import Description, Revision, write_revisions
from cluster.errors import NotFound
from db.entities import Media
from db.queries import revisions
from db.queries.revisions import Edit, Version


@dataclass(frozen=True, slots=True)
class MediaChange:
    """New words for attached media, as the client sends them."""

    media_id: int
    description: str | None = None
    focus: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """A status as its author wants it from now on. What is absent is empty then, except the language."""

    text: str = ""
    spoiler_text: str = ""
    sensitive: bool = False
    language: str | None = None
    media_ids: tuple[int, ...] = ()
    media: tuple[MediaChange, ...] = ()


async def edit(ctx: Context, *, account_id: int, status_id: int, to: Changes) -> None:
    """Edit one's own status. Raises NotFound, InvalidInput."""
    card = await statuses.own(ctx, account_id=account_id, status_id=status_id)
    if card.inner is not None:
        raise NotFound  # a reblog has no text of its own
    scan, warning = posting.read_text(
        ctx, typed=to.text, warning=to.spoiler_text, has_media=bool(to.media_ids)
    )
    attached = await posting.check_media(ctx, account_id=account_id, ids=to.media_ids, status_id=status_id)
    names = [(account_id, name) for name in scan.usernames()]
    people = (await posting.find_people(ctx, names) if names else {}).get(account_id, {})
    composed = text.render(
        scan,
        site=posting.site_of(ctx),
        people={name: spelling for name, (_, spelling) in people.items()},
    )
    language = posting.language_of(to.language) or card.language
    new = Edit(status_id, scan.text, composed.html, warning, to.sensitive or bool(warning), language)
    revision = Revision(
        account_id,
        new,
        tuple(people[name][0] for name in composed.usernames),
        composed.hashtags,
        to.media_ids,
        tuple(_described(ctx, to.media, attached)),
    )
    await ctx.committer.submit(write_revisions, revision)


def _described(ctx: Context, changes: Sequence[MediaChange], attached: Sequence[Media]) -> list[Description]:
    """What really changes: clients repeat what they know with every edit."""
    known = {one.id: one for one in attached}
    described = []
    for change in changes:
        current = known.get(change.media_id)
        if current is None:
            continue
        words = media.check_description(ctx, change.description)
        focus = media.parse_focus(change.focus)
        words = None if words == (current.description or "") else words
        focus = None if focus == current.meta.get("focus") else focus
        if words is not None or focus is not None:
            described.append(Description(current.id, words, focus))
    return described


async def history(ctx: Context, *, caller_id: int | None, status_id: int) -> list[bytes]:
    """All versions of a status (StatusEdit), oldest first, with the media that still exist.

    Raises NotFound."""
    card = await drawing.see_status(ctx, status_id=status_id, caller_id=caller_id)
    async with ctx.pool.connection() as conn:
        versions = await revisions.history(conn, status_id=card.id)
        ids = {media_id for version in versions for media_id in version.media_ids}
        found = await revisions.media_of_versions(conn, ids=list(ids)) if ids else {}
    author = (await hydrate.accounts(ctx, ids=(card.account_id,))).get(card.account_id)
    if author is None or not versions:
        raise NotFound
    drawn = [
        _version(version, [found[id_] for id_ in version.media_ids if id_ in found], ctx.links)
        for version in versions
    ]
    return [b'%b,"account":%b}' % (orjson.dumps(one)[:-1], author.json) for one in drawn]


def _version(version: Version, attached: Sequence[Media], links: Links) -> dict[str, Any]:
    return {
        "content": version.html,
        "spoiler_text": version.spoiler_text,
        "sensitive": version.sensitive,
        "created_at": entities.moment(version.created_at),
        "media_attachments": [entities.render_media(one, links=links) for one in attached],
        "emojis": [],
    }
