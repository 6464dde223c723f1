"""The replicas that listen to a shard: whom they watch, their numbered batches, what they may have missed.

Sequences have no holes, so a replica that sees one knows that it missed something. A hole is made on purpose
when history is lost: the replica then asks, hears that it is gone, and starts afresh.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from cluster.errors import Overloaded
from cluster.events import OutboxRow

Rows = NDArray[np.int32]

NOBODY: Rows = np.zeros(0, np.int32)
REPLICAS_MAX = 64  # bits of a row's mask: API and gateway replicas that one shard tells
PENDING_MAX = 100_000  # deliveries waiting for one replica while the shard must not publish
HISTORY_BYTES_MAX = 32 * 1024 * 1024  # of batches kept for one replica


@dataclass(slots=True)
class _Replica:
    name: str
    bit: int
    primary: bool
    expires_at: float
    sequence: int = 0
    pending: list[list[Any]] = field(default_factory=list)
    history: deque[tuple[int, bytes]] = field(default_factory=deque)
    history_bytes: int = 0


class Replicas:
    """Everything a shard knows about its listeners. `shard` and `epoch` sign each batch; `rows` says, live,
    where the loaded feeds are."""

    def __init__(
        self, *, shard: str, epoch: int, rows: Mapping[int, int], batches_max: int, ttl_s: float
    ) -> None:
        self._shard = shard
        self._epoch = epoch
        self._rows = rows
        self._batches_max = batches_max
        self._ttl_s = ttl_s
        self._replicas: dict[str, _Replica] = {}
        self._past: dict[str, int] = {}  # sequences of forgotten replicas, in case they come back
        self._watched: dict[int, int] = {}  # account id -> bits of the replicas that watch it
        self._masks = np.zeros(0, np.uint64)  # the same by row
        self._accounts = np.zeros(0, np.int64)  # account ids by row, where watched
        self._outgoing: list[tuple[str, bytes]] = []

    def __len__(self) -> int:
        return len(self._replicas)

    @property
    def watched(self) -> int:
        """How many accounts are watched."""
        return len(self._watched)

    @property
    def waiting(self) -> bool:
        """Whether there is something to publish."""
        return bool(self._outgoing) or any(replica.pending for replica in self._replicas.values())

    def register(self, name: str, *, primary: bool, now: float) -> None:
        """Know a replica for another `ttl_s`; the answer is a heartbeat. Raises Overloaded."""
        replica = self._replicas.get(name)
        if replica is None:
            taken = {other.bit for other in self._replicas.values()}
            free = next((1 << place for place in range(REPLICAS_MAX) if 1 << place not in taken), None)
            if free is None:
                raise Overloaded(f"shard {self._shard} tells {REPLICAS_MAX} replicas already")
            replica = _Replica(name, free, primary, now, sequence=self._past.pop(name, -1) + 1)
            self._replicas[name] = replica
        replica.primary = replica.primary or primary
        replica.expires_at = now + self._ttl_s
        self._outgoing.append((name, self._message(replica, [])))

    def expire(self, now: float) -> None:
        """Forget replicas that did not renew their registration."""
        for replica in [replica for replica in self._replicas.values() if replica.expires_at < now]:
            self.unwatch(replica.name, [who for who, bits in self._watched.items() if bits & replica.bit])
            del self._replicas[replica.name]
            self._past[replica.name] = replica.sequence
            while len(self._past) > REPLICAS_MAX:
                del self._past[next(iter(self._past))]

    def watch(self, name: str, account_id: int, *, now: float) -> None:
        """Tell a replica about an account from now on."""
        if name not in self._replicas:
            self.register(name, primary=False, now=now)
        self._watched[account_id] = self._watched.get(account_id, 0) | self._replicas[name].bit
        self.bind(account_id)

    def unwatch(self, name: str, account_ids: Iterable[int]) -> None:
        """Stop telling a replica about accounts."""
        replica = self._replicas.get(name)
        if replica is None:
            return
        for account_id in account_ids:
            bits = self._watched.pop(account_id, 0) & ~replica.bit
            if bits:
                self._watched[account_id] = bits
            self.bind(account_id)

    def is_watched(self, account_id: int) -> bool:
        """Whether any replica watches an account."""
        return account_id in self._watched

    def bind(self, account_id: int) -> None:
        """Note who watches an account at the row of its feed, if that is loaded."""
        row = self._rows.get(account_id)
        if row is None:
            return
        if row >= len(self._masks):
            size = max(row + 1, 2 * len(self._masks))
            self._masks.resize(size, refcheck=False)
            self._accounts.resize(size, refcheck=False)
        self._masks[row] = self._watched.get(account_id, 0)
        self._accounts[row] = account_id

    def release(self, row: int) -> None:
        """The feed at this row is dropped."""
        if row < len(self._masks):
            self._masks[row] = 0

    def watched_among(self, rows: Rows) -> Rows:
        """Those of these rows that somebody watches."""
        if not self._watched:
            return rows[:0]
        known = rows if not len(rows) or rows[-1] < len(self._masks) else rows[rows < len(self._masks)]
        hot: Rows = known[self._masks[known] != 0]
        return hot

    def deliver(
        self, row: OutboxRow, *, rows: Rows | None = None, accounts: Iterable[int] = (), primary: bool
    ) -> None:
        """Tell every replica that this concerns: by watched feeds (ascending rows), by watched accounts, or
        because this shard owns the acting account (`primary`)."""
        if not self._replicas:
            return
        hot = self.watched_among(NOBODY if rows is None else rows)
        masks = self._masks[hot]
        named = [(account, self._watched[account]) for account in set(accounts) if account in self._watched]
        if not len(hot) and not named and not primary:
            return
        wire: list[Any] | None = None
        for replica in self._replicas.values():
            audience = [account for account, bits in named if bits & replica.bit]
            if len(hot):
                audience += self._accounts[hot[(masks & np.uint64(replica.bit)) != 0]].tolist()
            if audience or (primary and replica.primary):
                wire = wire or row.wire()
                self._queue(replica, [*wire, audience, primary])

    def _queue(self, replica: _Replica, delivery: list[Any]) -> None:
        if len(replica.pending) >= PENDING_MAX:
            self._lose(replica)
        replica.pending.append(delivery)

    def lose_all(self) -> None:
        """Deliveries may have been lost: let every replica find a hole and start afresh."""
        for replica in self._replicas.values():
            self._lose(replica)

    def _lose(self, replica: _Replica) -> None:
        replica.pending.clear()
        replica.history.clear()
        replica.history_bytes = 0
        replica.sequence += 1

    def cut(self, name: str) -> int:
        """End a replica's current batch; returns the last sequence, behind which everything is new."""
        replica = self._replicas[name]
        if replica.pending:
            replica.sequence += 1
            message = self._message(replica, replica.pending)
            replica.pending = []
            replica.history.append((replica.sequence, message))
            replica.history_bytes += len(message)
            while len(replica.history) > self._batches_max or replica.history_bytes > HISTORY_BYTES_MAX:
                replica.history_bytes -= len(replica.history.popleft()[1])
            self._outgoing.append((name, message))
        return replica.sequence

    def take(self) -> list[tuple[str, bytes]]:
        """All messages to publish now, in order: (replica, batch)."""
        for name in self._replicas:
            self.cut(name)
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def heartbeats(self) -> list[tuple[str, bytes]]:
        """An empty batch for each replica, which repeats the last sequence; take() what is waiting first."""
        return [(name, self._message(replica, [])) for name, replica in self._replicas.items()]

    def _message(self, replica: _Replica, deliveries: list[list[Any]]) -> bytes:
        return orjson.dumps([self._shard, self._epoch, replica.sequence, deliveries])

    def history(self, name: str, *, epoch: int, after: int) -> list[bytes] | None:
        """The batches of `epoch` after a sequence, or None when they are not all there."""
        replica = self._replicas.get(name)
        if replica is None or epoch != self._epoch:
            return None
        self.cut(name)
        missed = [message for sequence, message in replica.history if sequence > after]
        return missed if len(missed) == replica.sequence - after else None
