"""What group commits write about statuses that exist: edits, deletions, pins, muted threads.

Each item is a few statements of its own: these acts are rare beside posts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from api.committer import Written
from api.notify import NotificationDraft
from api.text import Hashtag
from api.writers import COUNTED_REPLIES, Reaction
from cluster.errors import InvalidInput, NotFound
from cluster.events import Event, StatusDeleted, StatusEdited, StatusTouched, ViewerChanged
from db.entities import Status
from db.pool import Connection
from db.queries import media, reactions, revisions, statuses
from db.queries.revisions import Edit, Surroundings


@dataclass(frozen=True, slots=True)
class Description:
    """New words and focus for an attached file; None leaves them."""

    media_id: int
    description: str | None = None
    focus: dict[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """A status as its author wants it from now on."""

    account_id: int
    edit: Edit
    mentions: tuple[int, ...] = ()
    hashtags: tuple[Hashtag, ...] = ()
    media_ids: tuple[int, ...] = ()
    descriptions: tuple[Description, ...] = ()


async def write_revisions(conn: Connection, given: Sequence[Revision]) -> Written[None]:
    """Edit statuses. One that would not change is left alone. Raises NotFound, InvalidInput."""
    written: Written[None] = Written([None] * len(given))
    for revision in given:
        await _revise(conn, revision, written)
    return written


async def _revise(conn: Connection, revision: Revision, written: Written[None]) -> None:
    to = revision.edit
    status = await revisions.lock(conn, status_id=to.status_id, account_id=revision.account_id)
    if status is None:
        raise NotFound
    around = await revisions.surroundings(conn, status_id=status.id)
    if not revision.descriptions and not _differs(revision, status, around):
        return
    await revisions.edit(conn, to=to, previous_media=around.media_ids)
    await _rehang(conn, revision, around)
    tags = tuple(tag.name for tag in revision.hashtags)
    written.events.append(
        StatusEdited(status.id, status.account_id, status.visibility, revision.mentions, tags)
    )
    written.notifications.extend(
        NotificationDraft(person, "mention", status.account_id, status.id)
        for person in revision.mentions
        if person not in around.mentions
    )
    written.notifications.extend(
        NotificationDraft(person, "update", status.account_id, status.id)
        for person in await revisions.rebloggers(conn, status_id=status.id)
    )


def _differs(revision: Revision, status: Status, around: Surroundings) -> bool:
    to = revision.edit
    return (
        (to.text, to.spoiler_text, to.sensitive, to.language)
        != (status.text, status.spoiler_text, status.sensitive, status.language)
        or list(revision.media_ids) != around.media_ids
    )  # fmt: skip


async def _rehang(conn: Connection, revision: Revision, around: Surroundings) -> None:
    """Mentions, hashtags and media of the new version instead of the old one's."""
    status_id = revision.edit.status_id
    if around.mentions:
        await revisions.drop_mentions(conn, status_id=status_id, keep=revision.mentions)
    if revision.mentions:
        pairs = [(status_id, person) for person in revision.mentions]
        await statuses.insert_mentions(conn, pairs=pairs)
    if around.tags:
        await revisions.drop_tags(conn, status_id=status_id, keep=[tag.name for tag in revision.hashtags])
    if revision.hashtags:
        await statuses.insert_tags(conn, tags=[(status_id, *tag) for tag in revision.hashtags])
    await media.detach(conn, status_id=status_id, keep=revision.media_ids)
    places = [
        (media_id, revision.account_id, status_id, place) for place, media_id in enumerate(revision.media_ids)
    ]
    if places and await media.attach(conn, places=places) != len(places):
        raise InvalidInput("Media not found or already attached to another post")
    for one in revision.descriptions:
        await media.describe(conn, media_id=one.media_id, description=one.description, focus=one.focus)


@dataclass(frozen=True, slots=True)
class Deletion:
    """An author's wish to be rid of a status, and perhaps of its media."""

    account_id: int
    status_id: int
    delete_media: bool = False


@dataclass(slots=True)
class Deleted:
    """What is left to do after a deletion: objects that nothing names any more."""

    keys: list[str] = field(default_factory=list)


async def write_deletions(conn: Connection, given: Sequence[Deletion]) -> Written[Deleted]:
    """Delete statuses with their reblogs. Raises NotFound."""
    written: Written[Deleted] = Written([])
    written.results = [await _delete(conn, one, written.events) for one in given]
    return written


async def _delete(conn: Connection, wish: Deletion, events: list[Event]) -> Deleted:
    status = await revisions.lock(conn, status_id=wish.status_id, account_id=wish.account_id)
    if status is None:
        raise NotFound
    around = await revisions.surroundings(conn, status_id=status.id)
    deleted = Deleted()
    if wish.delete_media and around.media_ids:
        deleted.keys = await media.delete(conn, account_id=wish.account_id, ids=around.media_ids)
    # Answers stay, and answer nothing from now on.
    touched = [StatusTouched(*pair) for pair in await revisions.answers(conn, status_id=status.id)]
    for gone in await revisions.delete(conn, status_id=status.id):
        if gone.id == status.id:
            events.append(
                StatusDeleted(gone.id, gone.account_id, gone.visibility, around.mentions, around.tags)
            )
        else:
            events.append(StatusDeleted(gone.id, gone.account_id, gone.visibility))
    events.extend(touched)
    events.extend(await _uncount(conn, status))
    return deleted


async def _uncount(conn: Connection, status: Status) -> list[Event]:
    """The status that this one answered or passed on has one less."""
    events: list[Event] = []
    if status.reblog_of_id is not None:
        await statuses.count(conn, reblogs=[status.reblog_of_id], by=-1)
        events.append(ViewerChanged(status.account_id, "reaction", status.reblog_of_id))
    elif status.in_reply_to_id is not None and status.visibility in COUNTED_REPLIES:
        await statuses.count(conn, replies=[status.in_reply_to_id], by=-1)
    touched = [one for one in (status.reblog_of_id, status.in_reply_to_id) if one is not None]
    return events + [StatusTouched(*pair) for pair in await statuses.authors(conn, ids=touched)]


@dataclass(frozen=True, slots=True)
class Pin:
    """An author's wish to show a status on top of the profile, with at most `limit` of them."""

    account_id: int
    status_id: int
    limit: int


async def write_pins(conn: Connection, given: Sequence[Pin]) -> Written[bool]:
    """Pin statuses; False where there are too many already."""
    written: Written[bool] = Written([])
    written.results = [
        await reactions.pin(conn, account_id=one.account_id, status_id=one.status_id, limit=one.limit)
        for one in given
    ]
    written.events.extend(ViewerChanged(one.account_id, "reaction", one.status_id) for one in given)
    return written


async def write_unpins(conn: Connection, given: Sequence[Reaction]) -> Written[None]:
    """Take statuses off the profile."""
    for one in given:
        await reactions.unpin(conn, account_id=one.account_id, status_id=one.status_id)
    return Written(
        [None] * len(given), [ViewerChanged(one.account_id, "reaction", one.status_id) for one in given]
    )


@dataclass(frozen=True, slots=True)
class ThreadMute:
    """Somebody does not want to hear of a thread, or does again."""

    account_id: int
    conversation_id: int
    muted: bool


async def write_thread_mutes(conn: Connection, given: Sequence[ThreadMute]) -> Written[None]:
    """Mute and unmute threads."""
    for one in given:
        change = reactions.mute_conversation if one.muted else reactions.unmute_conversation
        await change(conn, account_id=one.account_id, conversation_id=one.conversation_id)
    return Written([None] * len(given), [ViewerChanged(one.account_id, "preferences") for one in given])
