"""Feeds that are being loaded from Postgres while events go on: what happened meanwhile is kept and replayed.

An event that was applied before a load began was committed before its snapshot, so the load sees it. What
is applied after that is in the log from where the load began, and is replayed on what was loaded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cluster.events import OutboxRow

LOG_MAX = 50_000  # events kept for running loads: several seconds of a busy server; beyond, loads start anew


@dataclass(slots=True)
class _Load:
    began: int  # place in the log
    stale: bool = False  # its snapshot may lack a change that happened meanwhile


class Loads:
    """The loads under way, and the log of events since the earliest of them began."""

    def __init__(self, *, log_max: int = LOG_MAX) -> None:
        self._loads: dict[int, _Load] = {}
        self._log: list[OutboxRow] = []
        self._base = 0
        self._log_max = log_max

    def __contains__(self, account_id: int) -> bool:
        return account_id in self._loads

    def __len__(self) -> int:
        return len(self._loads)

    def __iter__(self) -> Iterator[int]:
        return iter(self._loads)

    def begin(self, account_id: int) -> None:
        """Call before the load's snapshot is taken; also to begin again after `stale`. What was logged for
        the first attempt stays: those who watch the feed have not heard of it."""
        load = self._loads.setdefault(account_id, _Load(self._base + len(self._log)))
        load.began = max(load.began, self._base)
        load.stale = False

    def spoil(self, account_id: int) -> None:
        """Whatever this load has read may be outdated."""
        if account_id in self._loads:
            self._loads[account_id].stale = True

    def stale(self, account_id: int) -> bool:
        """Whether the load must begin again."""
        return self._loads[account_id].stale

    def note(self, row: OutboxRow) -> bool:
        """Keep an event for the loads under way; False when that made all of them stale."""
        if not self._loads:
            return True
        self._log.append(row)
        if len(self._log) <= self._log_max:
            return True
        for load in self._loads.values():
            load.stale = True
        self._base += len(self._log)
        self._log.clear()
        return False

    def finish(self, account_id: int) -> Sequence[OutboxRow]:
        """End a load, done or given up; returns the events since it began, in the order applied."""
        load = self._loads.pop(account_id)
        events = self._log[load.began - self._base :]
        first = min((other.began for other in self._loads.values()), default=self._base + len(self._log))
        # Cutting moves the rest of the list: worth it when half can go.
        if first - self._base > len(self._log) // 2:
            del self._log[: first - self._base]
            self._base = first
        return events
