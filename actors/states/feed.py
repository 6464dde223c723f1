"""The home feeds of one shard: who gets what, from events; the same answer that SQL gives (the replay law).

Key: account id. Bound: `feeds.users_max` rings of `feeds.length_max` ids, the least recently read go first.
A crash loses all of it and nothing else: a feed is loaded from Postgres when it is next touched, and events
that the last owner had not published come again from the outbox. Awaits nothing.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from actors.states.feed_applied import Applied
from actors.states.feed_chain import Chain
from actors.states.feed_index import NOBODY, FollowIndex, Rows, common
from actors.states.feed_loads import Loads
from actors.states.feed_replicas import Replicas
from actors.states.feed_rings import Ids, Rings
from actors.states.feed_walls import Wall
from cluster.errors import Overloaded
from cluster.events import (
    AccountChanged,
    OutboxRow,
    RelationChanged,
    StatusDeleted,
    StatusEdited,
    StatusPosted,
    Visibility,
)
from cluster.settings import Feeds
from cluster.sharding import slot_of
from db.pages import Window

REMOVE_ROWS = 1024  # rings searched for a deleted status at once: 5 MB, about 3 ms; the rest follows in steps
SLICE_PUTS = 100_000  # deliveries between two chances to read: 4-8 ms
EVICT_ROWS = 32  # feeds that leave at once when the shard is full: finding them costs more than dropping them
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Slice:
    """Part of a feed, newest first; everything above `floor` is known (0: the whole feed is)."""

    ids: list[int]
    floor: int


class FeedState:
    """Rings, follow index, walls of merged authors, running loads, applied rows and listening replicas."""

    def __init__(
        self,
        *,
        shard: str,
        epoch: int,
        slots: Collection[int],
        settings: Feeds,
        forgotten: int = 0,
        newest: int = 0,
    ) -> None:
        self._settings = settings
        self._slots = frozenset(slots)
        self._row_of: dict[int, int] = {}  # account id -> row of its ring
        self._account_at = np.zeros(0, np.int64)
        self._read_at = np.zeros(0, np.int64)  # number of the last read; NEVER: the row is free
        self._reads = 0
        self._rings = Rings(length=settings.length_max)
        self._index = FollowIndex()
        self._walls: dict[int, Wall] = {}
        self._gone: dict[int, int] = {}  # deleted statuses whose deletion was not swept yet -> its outbox row
        self._removals: deque[tuple[int, Rows]] = deque()
        self._puts: tuple[list[int], list[Rows]] = ([], [])
        self._waiting_puts = 0
        self.loads = Loads()
        self.applied = Applied(forgotten=forgotten)
        self.chain = Chain(newest)
        self.replicas = Replicas(
            shard=shard,
            epoch=epoch,
            rows=self._row_of,
            batches_max=settings.replica_batches_max,
            ttl_s=settings.replica_ttl_s,
        )
        self.reloads: list[int] = []  # watched feeds that were dropped: load them without being asked
        self.deliveries = 0

    # -- reading ------------------------------------------------------------------------------------------

    def loaded(self, account_id: int) -> bool:
        """Whether a feed can be read now."""
        return account_id in self._row_of

    def home(self, account_id: int, window: Window) -> Slice | None:
        """The window's part of what is known of a feed; None when it must be loaded first."""
        row = self._row_of.get(account_id)
        if row is None:
            return None
        self._reads += 1
        self._read_at[row] = self._reads
        ids, floor = self._known(account_id, row)
        low = np.searchsorted(ids, window.low, side="right")
        high = np.searchsorted(ids, window.high, side="left")
        inside = ids[low:high]
        part = inside[: window.limit] if window.upward else inside[max(0, len(inside) - window.limit) :]
        return Slice(part[::-1].tolist(), floor)

    def _known(self, account_id: int, row: int) -> tuple[Ids, int]:
        """A feed's ids, oldest first, and its floor as callers understand it: an entry that is present."""
        ids, floor = self._rings.read(row)
        parts = [ids]
        for author, wall in self._walls.items():
            if self._index.follows(row, author):
                floor = max(floor, wall.floor)
                parts.append(self._from_wall(wall, row, author=author, own=author == account_id))
        if len(parts) > 1:
            ids = np.unique(np.concatenate(parts))
            ids = ids[np.searchsorted(ids, floor, side="right") :][-self._settings.length_max :]
        if self._gone:
            ids = ids[~np.isin(ids, np.fromiter(self._gone, np.int64, len(self._gone)))]
        if floor == 0 and len(ids) < self._settings.length_max:
            return ids, 0
        return ids, int(ids[0]) if len(ids) else floor + 1

    def _from_wall(self, wall: Wall, row: int, *, author: int, own: bool) -> Ids:
        return wall.read(
            follows=lambda account: own or self._index.follows(row, account),
            reblogs=not self._index.is_quiet(row, author),
        )

    # -- loading ------------------------------------------------------------------------------------------

    def begin(self, account_id: int) -> None:
        """A load starts; call before its snapshot is taken."""
        self.loads.begin(account_id)

    def finish(
        self, account_id: int, *, targets: Sequence[int], quiet: Sequence[int], ids: Sequence[int]
    ) -> bool:
        """Take what a load read: whom the account follows, and its newest ids, `length_max` of them or all.
        False when something happened that the load may have missed: begin again. Raises Overloaded."""
        if self.loads.stale(account_id):
            return False
        row = self._allocate()
        self._row_of[account_id] = row
        self._account_at[row] = account_id
        self._reads += 1
        self._read_at[row] = self._reads
        self._index.add(row, authors=(account_id, *targets), quiet=quiet)
        complete = len(ids) < self._settings.length_max
        self._rings.fill(row, ids, floor=0 if complete else ids[-1] - 1)
        self.replicas.bind(account_id)
        for event in self.loads.finish(account_id):
            self._replay(event, account_id, row)
        return True

    def _replay(self, row: OutboxRow, account_id: int, place: int) -> None:
        """Apply to one feed what happened while it was loaded. Its watchers have not heard of it yet."""
        event = row.event
        mine = np.array([place], np.int32)
        if isinstance(event, StatusPosted) and len(common(self._audience(event), mine)):
            if event.status_id in self._gone:
                return
            self.replicas.deliver(row, rows=mine, primary=False)
            if not self._rings.holds(place, event.status_id):
                self.deliveries += self._rings.scatter([event.status_id], [mine])
        elif isinstance(event, StatusDeleted):
            self._rings.remove(event.status_id, mine)

    def drop(self, account_id: int) -> None:
        """Forget a feed; it is loaded again when it is touched, or at once when somebody watches it."""
        self.loads.spoil(account_id)
        row = self._row_of.pop(account_id, None)
        if row is None:
            return
        self._index.drop(row)
        self._rings.free(row)
        self._read_at[row] = NEVER
        self.replicas.release(row)
        if self.replicas.is_watched(account_id):
            self.begin(account_id)
            self.reloads.append(account_id)

    def _allocate(self) -> int:
        if len(self._row_of) >= self._settings.users_max:
            self._evict()
        row = self._rings.allocate()
        if row >= len(self._read_at):
            grown = self._rings.capacity - len(self._read_at)
            self._read_at = np.append(self._read_at, np.full(grown, NEVER))
            self._account_at = np.append(self._account_at, np.zeros(grown, np.int64))
        return row

    def _evict(self) -> None:
        """Drop the feeds that were read least recently, except those that somebody watches."""
        ages = self._read_at.copy()
        used = np.flatnonzero(ages != NEVER).astype(np.int32)
        ages[self.replicas.watched_among(used)] = NEVER
        count = min(EVICT_ROWS, max(1, len(self._row_of) // 8))
        oldest = np.argpartition(ages, min(count, len(ages) - 1))[:count]
        oldest = oldest[ages[oldest] != NEVER]
        if not len(oldest):
            raise Overloaded("this shard is full of feeds that somebody watches")
        for account_id in self._account_at[oldest].tolist():
            self.drop(account_id)

    # -- events -------------------------------------------------------------------------------------------

    def told(self, rows: Iterable[OutboxRow]) -> Iterator[None]:
        """Apply what a teller brought, unless it was applied already. Yields between slices of work, so that
        reads can go in between; no other events may."""
        by_id = {row.id: row for row in rows}
        yield from self._apply([by_id[identifier] for identifier in sorted(self.applied.take_told(by_id))])

    def swept(self, ids: Sequence[int], rows: Iterable[OutboxRow]) -> Iterator[None]:
        """The sweep passed these ids; `rows` has at least those of them that were not applied. Yields as
        `told` does."""
        missing = set(self.applied.take_swept(ids))
        yield from self._apply([row for row in rows if row.id in missing])
        if self._gone:
            passed = set(ids)
            removing = {status_id for status_id, _ in self._removals}
            self._gone = {
                status_id: row_id
                for status_id, row_id in self._gone.items()
                if row_id not in passed or status_id in removing
            }

    def _apply(self, rows: Sequence[OutboxRow]) -> Iterator[None]:
        self.chain.follow(rows)
        for row in rows:
            if isinstance(row.event, StatusPosted):
                self._posted(row, row.event)
            else:
                self._scatter()
                self._other(row)
            if self._waiting_puts >= SLICE_PUTS:
                self._scatter()
                yield
        self._scatter()

    def _log(self, row: OutboxRow) -> None:
        if not self.loads.note(row):
            self.replicas.lose_all()

    def _scatter(self) -> None:
        ids, audiences = self._puts
        if ids:
            self.deliveries += self._rings.scatter(ids, audiences)
            self._puts = ([], [])
            self._waiting_puts = 0

    def _posted(self, row: OutboxRow, event: StatusPosted) -> None:
        if event.status_id in self._gone:
            self.replicas.deliver(row, primary=self._owns(event.account_id))
            return
        self._log(row)
        audience = self._audience(event)
        if self._is_merged(event):
            wall = self._walls.setdefault(event.account_id, Wall(length=self._settings.length_max))
            reply_to = event.in_reply_to_account_id
            wall.append(
                event.status_id,
                reply_to=0 if reply_to is None or reply_to == event.account_id else reply_to,
                reblog=event.reblog_of_id is not None,
            )
        elif len(audience):
            self._puts[0].append(event.status_id)
            self._puts[1].append(audience)
            self._waiting_puts += len(audience)
        self.replicas.deliver(row, rows=audience, primary=self._owns(event.account_id))

    def _other(self, row: OutboxRow) -> None:
        event = row.event
        account_id: int = getattr(event, "account_id")  # noqa: B009 - every kind has one, the base has not
        concerned: tuple[int, ...] = (account_id,)
        rows = NOBODY
        match event:
            case StatusDeleted() | StatusEdited():
                rows = self._holders(event)
                concerned = ()
            case RelationChanged():
                concerned = (account_id, event.target_id)
        self.replicas.deliver(row, rows=rows, accounts=concerned, primary=self._owns(account_id))
        match event:
            case StatusDeleted():
                self._deleted(row, event)
            case RelationChanged(change="follow" | "unfollow"):
                self.drop(account_id)
            case RelationChanged(change="block"):  # ends following both ways
                self.drop(account_id)
                self.drop(event.target_id)
            case AccountChanged(gone=True):
                for follower in self._account_at[self._index.rows(account_id)].tolist():
                    self.drop(follower)

    def _owns(self, account_id: int) -> bool:
        return slot_of(account_id) in self._slots

    def _is_merged(self, event: StatusPosted) -> bool:
        """Whether an author has too many followers here to push to. Once merged, an author stays so."""
        if event.visibility == Visibility.DIRECT:
            return False
        author = event.account_id
        return author in self._walls or self._index.count(author) >= self._settings.merge_followers_min

    def _audience(self, event: StatusPosted) -> Rows:
        """The rows whose feeds get a status: the rules of db/queries/feeds.py, over the index."""
        author = event.account_id
        rows = self._index.rows(author)
        if not len(rows):
            return rows
        everybody = rows
        if event.visibility == Visibility.DIRECT:
            rows = common(rows, self._rows_of_accounts(event.mentions))
        reply_to = event.in_reply_to_account_id
        if reply_to is not None and reply_to != author:
            rows = common(rows, self._index.rows(reply_to))
        if event.reblog_of_id is not None:
            rows = self._index.without_quiet(rows, author)
        if rows is not everybody and author in self._row_of:
            rows = np.union1d(rows, np.array([self._row_of[author]], np.int32))
        return rows

    def _rows_of_accounts(self, account_ids: Iterable[int]) -> Rows:
        rows = {self._row_of[account_id] for account_id in account_ids if account_id in self._row_of}
        return np.array(sorted(rows), np.int32)

    def _holders(self, event: StatusDeleted | StatusEdited) -> Rows:
        """Watched rows that have a status, or may have it when they are too many to look."""
        rows = self.replicas.watched_among(self._index.rows(event.account_id))
        if event.account_id in self._walls or len(rows) > REMOVE_ROWS:
            return rows
        return self._rings.holders(event.status_id, rows)

    def _deleted(self, row: OutboxRow, event: StatusDeleted) -> None:
        self._log(row)
        self._gone[event.status_id] = row.id
        wall = self._walls.get(event.account_id)
        if wall is not None:
            wall.remove(event.status_id)
        rows = self._index.rows(event.account_id)
        self._rings.remove(event.status_id, rows[:REMOVE_ROWS])
        if len(rows) > REMOVE_ROWS:
            self._removals.append((event.status_id, rows[REMOVE_ROWS:]))

    def tidy(self) -> bool:
        """One step of what can wait: deleted statuses in the feeds of many. True when there is more."""
        if self._removals:
            status_id, rows = self._removals.popleft()
            self._rings.remove(status_id, rows[:REMOVE_ROWS])
            if len(rows) > REMOVE_ROWS:
                self._removals.appendleft((status_id, rows[REMOVE_ROWS:]))
        return bool(self._removals)

    def stats(self) -> dict[str, int]:
        """Sizes, for operators and benches."""
        return {
            "users": len(self._row_of),
            "edges": self._index.edges,
            "loading": len(self.loads),
            "merged_authors": len(self._walls),
            "rows_ahead_of_sweep": self.applied.ahead,
            "replicas": len(self.replicas),
            "watched": self.replicas.watched,
            "deliveries": self.deliveries,
        }
