"""The newest entries of hot home feeds, copied from the shards and kept in step by their deliveries.

A head is used only while news of its shard are fresh; on a loss, or when the owner's relations change, it is
dropped and read again. It answers pages that end above its floor; all others go to the shard.
What this replica itself writes drops the heads of those concerned before the shards know of it. For a moment
after that their feeds are read from the shard, or a head read in between could bring the old feed back.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence

from actors.ports import Head
from api.news import News
from cluster.clock import Clock
from cluster.errors import SocialFlowError
from cluster.events import Batch, Delivery, Event, RelationChanged, StatusDeleted, StatusPosted
from cluster.settings import Feeds
from db.pages import Window

SETTLE_S = 1.0  # by then the shards know what they were told, or their news are not fresh any more
SETTLING_MAX = 10_000  # beyond, those that have settled are cleared out


class _Copy:
    """One head. `ids` ascend; everything of the feed above `floor` is in them."""

    __slots__ = ("epoch", "floor", "ids", "sequence", "shard")

    def __init__(self, head: Head) -> None:
        self.ids = sorted(head.ids)
        self.floor = head.floor
        self.shard = head.shard
        self.epoch = head.epoch
        self.sequence = head.sequence

    def lacks(self, *, epoch: int, sequence: int) -> bool:
        """Whether a batch came after the head was read."""
        return epoch == self.epoch and sequence > self.sequence

    def add(self, status_id: int, length_max: int) -> None:
        ids = self.ids
        if status_id <= self.floor:
            return
        if ids and status_id <= ids[-1]:
            if ids[bisect_left(ids, status_id)] == status_id:
                return
            insort(ids, status_id)
        else:
            ids.append(status_id)
        if len(ids) > 2 * length_max:  # cut rarely, so that most additions are one append
            self.floor = ids[-length_max - 1]
            del ids[:-length_max]

    def discard(self, status_id: int) -> None:
        position = bisect_left(self.ids, status_id)
        if position < len(self.ids) and self.ids[position] == status_id:
            del self.ids[position]

    def part(self, window: Window) -> list[int] | None:
        """The window's ids, newest first, or None when the window reaches below the floor."""
        ids, limit = self.ids, window.limit
        low = window.low
        if window.upward:
            if low < self.floor:
                return None
            start = bisect_right(ids, low)
            return ids[start : min(start + limit, bisect_left(ids, window.high))][::-1]
        stop = len(ids) if window.max_id is None else bisect_left(ids, window.max_id)
        start = max(stop - limit, 0, bisect_right(ids, low) if low else 0)
        if stop - start < limit and low < self.floor:
            return None
        return ids[start:stop][::-1]


class _Reading:
    """A head under way, and what joined its feed meanwhile."""

    __slots__ = ("news", "void")

    def __init__(self) -> None:
        self.news: list[tuple[int, int, int]] = []  # (epoch, sequence, status id)
        self.void = False


class Heads:
    """The heads that this replica keeps, `heads_max` at most; those fetched longest ago go first."""

    def __init__(self, *, news: News | None, clock: Clock, settings: Feeds) -> None:
        self._news = news
        self._clock = clock
        self._heads_max = settings.heads_max
        self._length = settings.head_length
        self._copies: dict[int, _Copy] = {}
        self._watched: dict[int, None] = {}  # in the order of their last fetching
        self._reading: dict[int, _Reading] = {}
        self._settling: dict[int, float] = {}  # accounts whose shard may not know our writes yet, until

    def peek(self, *, account_id: int, window: Window) -> list[int] | None:
        """The window's part of a home feed, newest first, if it is at hand and true. Never waits."""
        copy = self._copies.get(account_id)
        if copy is None or self._news is None or not self._news.fresh(copy.shard):
            return None
        return copy.part(window)

    async def read(self, *, account_id: int, window: Window) -> list[int] | None:
        """Like `peek`, after fetching the head if there is none. None also when no shard answers."""
        if self._news is None or not self._news.fresh(None):
            return None
        if account_id in self._copies:
            return self.peek(account_id=account_id, window=window)
        if account_id in self._reading or self._settles(account_id):
            return None
        return await self._fetch(account_id, window)

    def discard(self, *, account_id: int, status_id: int) -> None:
        """A reader found that this entry leads nowhere."""
        copy = self._copies.get(account_id)
        if copy is not None:
            copy.discard(status_id)

    def note(self, event: Event) -> None:
        """This replica wrote `event`: its author must find it at once, before the shards report it.

        A new post is not added here: a smaller id may still be on its way to this copy, and who had seen
        the post and then asked with `since_id` would never get it. The shard knows both by now.
        """
        if isinstance(event, StatusPosted):
            self._drop((event.account_id,))
            self._settle((event.account_id,))
        elif isinstance(event, RelationChanged):
            self._drop((event.account_id, event.target_id))
            self._settle((event.account_id, event.target_id))
        elif isinstance(event, StatusDeleted):
            self.discard(account_id=event.account_id, status_id=event.status_id)

    def on_delivery(self, delivery: Delivery, batch: Batch) -> None:
        """A shard says what happened (`api/inbox.py`), in order and once."""
        event = delivery.row.event
        if isinstance(event, StatusPosted):
            for account_id in delivery.audience:
                reading = self._reading.get(account_id)
                if reading is not None:
                    reading.news.append((batch.epoch, batch.sequence, event.status_id))
                copy = self._copies.get(account_id)
                if copy is not None and copy.lacks(epoch=batch.epoch, sequence=batch.sequence):
                    copy.add(event.status_id, self._length)
        elif isinstance(event, RelationChanged):
            self._drop((event.account_id, event.target_id))
        elif isinstance(event, StatusDeleted):
            self.discard(account_id=event.account_id, status_id=event.status_id)

    def on_loss(self, shard: str) -> None:
        """Deliveries of this shard were lost: its heads are void."""
        for account_id in [account for account, copy in self._copies.items() if copy.shard == shard]:
            del self._copies[account_id]
        for reading in self._reading.values():
            reading.void = True

    async def _fetch(self, account_id: int, window: Window) -> list[int] | None:
        assert self._news is not None
        reading = self._reading[account_id] = _Reading()
        try:
            head = (await self._news.watch((account_id,)))[0]
        except SocialFlowError:
            return None
        finally:
            del self._reading[account_id]
        copy = _Copy(head)
        for epoch, sequence, status_id in reading.news:
            if copy.lacks(epoch=epoch, sequence=sequence):
                copy.add(status_id, self._length)
        self._hold(account_id)
        if not reading.void:
            self._copies[account_id] = copy
        return copy.part(window)

    def _hold(self, account_id: int) -> None:
        """Keep exactly one reference on the account, and let the account fetched longest ago go."""
        assert self._news is not None
        if account_id in self._watched:
            del self._watched[account_id]
            self._news.unwatch((account_id,))
        self._watched[account_id] = None
        if len(self._watched) > self._heads_max:
            oldest = next(iter(self._watched))
            del self._watched[oldest]
            self._copies.pop(oldest, None)
            self._news.unwatch((oldest,))

    def _settle(self, account_ids: Sequence[int]) -> None:
        now = self._clock.monotonic()
        if len(self._settling) > SETTLING_MAX:
            self._settling = {account: until for account, until in self._settling.items() if until > now}
        for account_id in account_ids:
            self._settling[account_id] = now + SETTLE_S

    def _settles(self, account_id: int) -> bool:
        until = self._settling.get(account_id)
        if until is None:
            return False
        if until > self._clock.monotonic():
            return True
        del self._settling[account_id]
        return False

    def _drop(self, account_ids: Sequence[int]) -> None:
        for account_id in account_ids:
            self._copies.pop(account_id, None)
            reading = self._reading.get(account_id)
            if reading is not None:
                reading.void = True
