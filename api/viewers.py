"""The viewers that this replica knows, kept true by deliveries.

An account is watched before it is loaded, so no change falls between. Without trusted news nothing is
kept: every request then asks Postgres for the viewer's relations and reactions.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from asyncpg import Record

from api import flags
from api.caching import Cache
from api.news import News
from api.viewer import PLAIN_FOLLOW, Follow, Viewer
from cluster.clock import Clock
from cluster.errors import SocialFlowError
from cluster.events import (
    Batch,
    Delivery,
    Event,
    RelationChanged,
    StatusDeleted,
    StatusPosted,
    ViewerChanged,
)
from cluster.settings import Caches
from db.pool import Pool
from db.queries import viewers as queries

__all__ = ["Follow", "Viewer", "Viewers"]

REACTIONS_MAX = 2_000  # statuses per viewer whose flags are kept: 25 of the largest pages
_BITS = {
    "favourite": flags.FAVOURITED,
    "reblog": flags.REBLOGGED,
    "bookmark": flags.BOOKMARKED,
    "pin": flags.PINNED,
}


class Viewers:
    """The viewers that this replica knows."""

    def __init__(self, *, pool: Pool, clock: Clock, limits: Caches, news: News | None) -> None:
        self._pool = pool
        self._clock = clock
        self._news = news
        self._watched: set[int] = set()
        self._cache = Cache(
            self._load, size_max=limits.viewers_max, trusted=self._trusted, evicted=self._unwatch
        )

    def peek(self, account_id: int) -> Viewer | None:
        """The viewer, if at hand and true. Never waits."""
        if not self._trusted():
            return None
        viewer = self._cache.peek(account_id)
        if viewer is not None and viewer.expires_at <= self._clock.now().timestamp():
            self._cache.forget(account_id)
            return None
        return viewer

    async def get(self, account_id: int) -> Viewer:
        """The viewer, loaded if need be. An account that does not exist sees as a stranger."""
        viewer = self.peek(account_id)
        if viewer is None:
            viewer = (await self._cache.get_many((account_id,)))[account_id]
        return viewer

    async def bits(self, viewer: Viewer, status_ids: Sequence[int]) -> Mapping[int, int]:
        """Flag bits by status id; statuses without an entry have none. Give it originals, not reblogs."""
        known = viewer.reactions
        missing = [status_id for status_id in status_ids if status_id not in known]
        if not missing:
            return known
        version = viewer.reactions_version
        found = dict.fromkeys(missing, 0)
        async with self._pool.connection() as conn:
            records = await queries.reactions(conn, account_id=viewer.account_id, status_ids=missing)
        for record in records:
            found[record["status_id"]] |= _BITS[record["kind"]]
        found.update((status_id, known[status_id]) for status_id in status_ids if status_id in known)
        if viewer.fresh and version == viewer.reactions_version:
            if len(known) > REACTIONS_MAX:
                known.clear()
            known.update(found)
        return found

    def note(self, event: Event) -> None:
        """Forget what this event made stale."""
        if isinstance(event, RelationChanged):
            self._cache.forget(event.account_id)
            self._cache.forget(event.target_id)
        elif isinstance(event, ViewerChanged):
            if event.what == "reaction":
                self._react(event.account_id, event.status_id)
            else:
                self._cache.forget(event.account_id)
        elif isinstance(event, StatusPosted):
            if event.reblog_of_id is not None:
                self._react(event.account_id, event.reblog_of_id)
        elif isinstance(event, StatusDeleted):
            self._react(event.account_id, None)  # perhaps a reblog: which one, the event does not say

    def on_delivery(self, delivery: Delivery, _batch: Batch) -> None:
        """A shard says what happened (`api/inbox.py`)."""
        self.note(delivery.row.event)

    def on_loss(self, _shard: str) -> None:
        """News were lost: anything may be stale."""
        self._cache.clear()

    def _react(self, account_id: int, status_id: int | None) -> None:
        viewer = self._cache.peek(account_id)
        if viewer is not None:
            viewer.forget_reactions(status_id)

    def _trusted(self) -> bool:
        return self._news is not None and self._news.fresh(None)

    async def _load(self, account_ids: Sequence[int]) -> dict[int, Viewer]:
        watched = await self._watch(account_ids)
        viewers = await self._read(account_ids)
        for account_id in account_ids:
            viewers[account_id].fresh = watched
        return viewers

    async def _watch(self, account_ids: Sequence[int]) -> bool:
        news = self._news
        if news is None or not self._trusted():
            return False
        fresh = [account_id for account_id in account_ids if account_id not in self._watched]
        if fresh:
            try:
                await news.watch(fresh)
            except SocialFlowError:
                return False
            self._watched.update(fresh)
        return True

    def _unwatch(self, account_ids: Sequence[int]) -> None:
        gone = [account_id for account_id in account_ids if account_id in self._watched]
        self._watched.difference_update(gone)
        if self._news is not None and gone:
            self._news.unwatch(gone)

    async def _read(self, account_ids: Sequence[int]) -> dict[int, Viewer]:
        async with self._pool.connection() as conn:
            blocks = _targets(await queries.blocks(conn, account_ids=account_ids))
            blocked_by = _targets(await queries.blocked_by(conn, account_ids=account_ids))
            mutes = _by_account(await queries.mutes(conn, account_ids=account_ids))
            follows = _by_account(await queries.follows(conn, account_ids=account_ids))
            threads = _targets(await queries.muted_conversations(conn, account_ids=account_ids))
        return {
            account_id: Viewer(
                account_id,
                blocks=blocks[account_id],
                blocked_by=blocked_by[account_id],
                mutes=frozenset(mute["target_id"] for mute in mutes[account_id]),
                silenced=frozenset(
                    mute["target_id"] for mute in mutes[account_id] if mute["hide_notifications"]
                ),
                follows={follow["target_id"]: _follow(follow) for follow in follows[account_id]},
                muted_conversations=threads[account_id],
                expires_at=min(
                    (mute["expires_at"].timestamp() for mute in mutes[account_id] if mute["expires_at"]),
                    default=float("inf"),
                ),
            )
            for account_id in account_ids
        }


def _follow(record: Record) -> Follow:
    if record["show_reblogs"] and not record["notify"] and not record["languages"]:
        return PLAIN_FOLLOW
    languages = record["languages"]
    return Follow(record["show_reblogs"], record["notify"], tuple(languages) if languages else None)


def _by_account(records: Sequence[Record]) -> defaultdict[int, list[Record]]:
    groups: defaultdict[int, list[Record]] = defaultdict(list)
    for record in records:
        groups[record["account_id"]].append(record)
    return groups


def _targets(records: Iterable[Record]) -> defaultdict[int, frozenset[int]]:
    groups: defaultdict[int, set[int]] = defaultdict(set)
    for record in records:
        groups[record["account_id"]].add(record["target_id"])
    return defaultdict(frozenset, {account: frozenset(targets) for account, targets in groups.items()})
