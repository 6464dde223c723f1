"""What group commits write: posts, reblogs and reactions, each for many people at once.

A writer runs under the order lock (`api/committer.py`). What it is given was found acceptable before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from api.committer import Written
from api.notify import NotificationDraft
from api.text import Hashtag
from cluster.errors import InvalidInput
from cluster.events import Event, StatusDeleted, StatusPosted, StatusTouched, ViewerChanged
from db.pool import Connection
from db.queries import media, notifications, reactions, revisions, statuses
from db.queries.statuses import NewStatus

COUNTED_REPLIES = ("public", "unlisted")
"""Replies that others cannot see are not counted for everybody either (as Mastodon)."""


@dataclass(frozen=True, slots=True)
class Key:
    """An Idempotency-Key, and how long it repeats its answer."""

    text: str
    keep_s: int


@dataclass(frozen=True, slots=True)
class Post:
    """A status with what hangs on it."""

    status: NewStatus
    mentions: tuple[int, ...] = ()
    hashtags: tuple[Hashtag, ...] = ()
    media_ids: tuple[int, ...] = ()
    key: Key | None = None


async def write_posts(conn: Connection, posts: Sequence[Post]) -> Written[int]:
    """Insert posts; the ids in order. A post whose key was used before is not written: its id is that of
    the first."""
    minted = await statuses.mint(conn, count=len(posts))
    ids = minted.ids
    results = list(ids)
    repeats = await _repeats(conn, ids, posts) if any(post.key for post in posts) else {}
    fresh: Sequence[tuple[int, Post]] = list(zip(ids, posts, strict=True))
    if repeats:
        results = [repeats.get(status_id, status_id) for status_id in ids]
        fresh = [pair for pair in fresh if pair[0] not in repeats]
    if not fresh:
        return Written(results)
    await statuses.insert(conn, ids=[id_ for id_, _ in fresh], statuses=[post.status for _, post in fresh])
    await _attach(conn, fresh)
    written: Written[int] = Written(results)
    before = minted.after
    for status_id, post in fresh:
        written.events.append(_posted(status_id, post, after=before))
        before = status_id
        written.notifications.extend(
            NotificationDraft(person, "mention", post.status.account_id, status_id)
            for person in post.mentions
        )
    await _answered(conn, fresh, written)
    await _tell_followers(conn, fresh, written)
    return written


async def _repeats(conn: Connection, ids: Sequence[int], posts: Sequence[Post]) -> dict[int, int]:
    """Minted id -> id of the status that was posted with the same key, for those that repeat."""
    first: dict[tuple[int, str], int] = {}
    repeats: dict[int, int] = {}
    keep_s = 0
    for status_id, post in zip(ids, posts, strict=True):
        if post.key is not None:
            keep_s = post.key.keep_s
            holder = first.setdefault((post.status.account_id, post.key.text), status_id)
            if holder != status_id:
                repeats[status_id] = holder
    claims = [(account_id, key, status_id) for (account_id, key), status_id in first.items()]
    claimed = await statuses.claim_keys(conn, claims=claims, keep_s=keep_s)
    taken = [key for key, status_id in first.items() if status_id not in claimed]
    if taken:
        holders = await statuses.key_holders(conn, keys=taken, keep_s=keep_s)
        moved = {first[key]: holder for key, holder in holders.items()}
        repeats = {status_id: moved.get(holder, holder) for status_id, holder in repeats.items()} | moved
    return repeats


async def _attach(conn: Connection, fresh: Sequence[tuple[int, Post]]) -> None:
    mentions = [(status_id, person) for status_id, post in fresh for person in post.mentions]
    if mentions:
        await statuses.insert_mentions(conn, pairs=mentions)
    tags = [(status_id, *tag) for status_id, post in fresh for tag in post.hashtags]
    if tags:
        await statuses.insert_tags(conn, tags=tags)
    places = [
        (media_id, post.status.account_id, status_id, place)
        for status_id, post in fresh
        for place, media_id in enumerate(post.media_ids)
    ]
    if places and await media.attach(conn, places=places) != len(places):
        raise InvalidInput("Media not found or already attached to another post")


def _posted(status_id: int, post: Post, *, after: int) -> StatusPosted:
    status = post.status
    return StatusPosted(
        status_id,
        status.account_id,
        status.visibility,
        None,
        None,
        status.in_reply_to_id,
        status.in_reply_to_account_id,
        post.mentions,
        tuple(tag.name for tag in post.hashtags),
        bool(post.media_ids),
        after,
    )


async def _answered(conn: Connection, fresh: Iterable[tuple[int, Post]], written: Written[int]) -> None:
    parents = [
        post.status.in_reply_to_id
        for _, post in fresh
        if post.status.in_reply_to_id is not None and post.status.visibility in COUNTED_REPLIES
    ]
    if parents:
        await statuses.count(conn, replies=parents)
        written.events.extend(StatusTouched(*pair) for pair in await statuses.authors(conn, ids=parents))


async def _tell_followers(conn: Connection, fresh: Iterable[tuple[int, Post]], written: Written[int]) -> None:
    """Some followers want a notification of every post; not of replies to others, nor of direct ones."""
    news = [
        (status_id, post.status.account_id, post.mentions)
        for status_id, post in fresh
        if post.status.visibility != "direct"
        and post.status.in_reply_to_account_id in (None, post.status.account_id)
    ]
    followers = await statuses.notified_followers(conn, author_ids=list({author for _, author, _ in news}))
    if followers:
        written.notifications.extend(
            NotificationDraft(follower, "status", author, status_id)
            for status_id, author, mentioned in news
            for followed, follower in followers
            if followed == author and follower not in mentioned
        )


@dataclass(frozen=True, slots=True)
class Reblog:
    """Somebody passes a status on."""

    account_id: int
    status_id: int
    author_id: int
    conversation_id: int
    visibility: str = "public"
    app_id: int | None = None


async def write_reblogs(conn: Connection, reblogs: Sequence[Reblog]) -> Written[int]:
    """Insert reblogs; their ids. A second reblog of the same status is the first one."""
    wanted = {(reblog.account_id, reblog.status_id): reblog for reblog in reversed(reblogs)}
    known = await statuses.reblogs(conn, pairs=list(wanted))
    new = [reblog for pair, reblog in wanted.items() if pair not in known]
    events: list[Event] = []
    if new:
        minted = await statuses.mint(conn, count=len(new))
        ids, before = minted.ids, minted.after
        await statuses.insert(conn, ids=ids, statuses=[_reblog_status(reblog) for reblog in new])
        await statuses.count(conn, reblogs=[reblog.status_id for reblog in new])
        for status_id, reblog in zip(ids, new, strict=True):
            known[reblog.account_id, reblog.status_id] = status_id
            events.append(
                StatusPosted(
                    status_id,
                    reblog.account_id,
                    reblog.visibility,
                    reblog.status_id,
                    reblog.author_id,
                    after=before,
                )
            )
            before = status_id
        events.extend(_reactions(Reaction(one.account_id, one.status_id, one.author_id) for one in new))
    return Written(
        [known[reblog.account_id, reblog.status_id] for reblog in reblogs],
        events,
        [NotificationDraft(one.author_id, "reblog", one.account_id, one.status_id) for one in new],
    )


def _reblog_status(reblog: Reblog) -> NewStatus:
    return NewStatus(
        account_id=reblog.account_id,
        visibility=reblog.visibility,
        conversation_id=reblog.conversation_id,
        reblog_of_id=reblog.status_id,
        app_id=reblog.app_id,
    )


@dataclass(frozen=True, slots=True)
class Reaction:
    """Somebody does something with, or undoes something about, a status of `author_id`."""

    account_id: int
    status_id: int
    author_id: int


def _reactions(changed: Iterable[Reaction]) -> list[Event]:
    """Counts are stale once per status; views once per person and status."""
    items = list(changed)
    touched: list[Event] = [
        StatusTouched(*pair) for pair in dict.fromkeys((one.status_id, one.author_id) for one in items)
    ]
    return touched + [ViewerChanged(one.account_id, "reaction", one.status_id) for one in items]


def _drafts(kind: str, acts: Iterable[Reaction]) -> list[NotificationDraft]:
    """What the authors are told of reactions, or are not told any more."""
    return [NotificationDraft(one.author_id, kind, one.account_id, one.status_id) for one in acts]


async def write_unreblogs(conn: Connection, given: Sequence[Reaction]) -> Written[None]:
    """Take reblogs back; without one nothing happens."""
    wanted = {(one.account_id, one.status_id): one for one in given}
    known = await statuses.reblogs(conn, pairs=list(wanted))
    events: list[Event] = []
    for reblog_id in known.values():
        for gone in await revisions.delete(conn, status_id=reblog_id):
            events.append(StatusDeleted(gone.id, gone.account_id, gone.visibility))
    await statuses.count(conn, reblogs=[status_id for _, status_id in known], by=-1)
    undone = [wanted[pair] for pair in known]
    await notifications.retract(conn, undone=_drafts("reblog", undone))
    return Written([None] * len(given), events + _reactions(undone))


async def write_favourites(conn: Connection, given: Sequence[Reaction]) -> Written[None]:
    """Favourite statuses; again changes nothing."""
    wanted = {(one.account_id, one.status_id): one for one in given}
    new = [wanted[pair] for pair in await reactions.favourite(conn, pairs=list(wanted))]
    await statuses.count(conn, favourites=[one.status_id for one in new])
    return Written(
        [None] * len(given),
        _reactions(new),
        _drafts("favourite", new),
    )


async def write_unfavourites(conn: Connection, given: Sequence[Reaction]) -> Written[None]:
    """Take favourites back."""
    wanted = {(one.account_id, one.status_id): one for one in given}
    gone = [wanted[pair] for pair in await reactions.unfavourite(conn, pairs=list(wanted))]
    await statuses.count(conn, favourites=[one.status_id for one in gone], by=-1)
    await notifications.retract(conn, undone=_drafts("favourite", gone))
    return Written([None] * len(given), _reactions(gone))


async def write_bookmarks(conn: Connection, given: Sequence[Reaction]) -> Written[None]:
    """Bookmark statuses. Nobody else learns of it."""
    new = await reactions.bookmark(conn, pairs=[(one.account_id, one.status_id) for one in given])
    return Written([None] * len(given), [ViewerChanged(who, "reaction", status) for who, status in new])


async def write_unbookmarks(conn: Connection, given: Sequence[Reaction]) -> Written[None]:
    """Remove bookmarks."""
    gone = await reactions.unbookmark(conn, pairs=[(one.account_id, one.status_id) for one in given])
    return Written([None] * len(given), [ViewerChanged(who, "reaction", status) for who, status in gone])
