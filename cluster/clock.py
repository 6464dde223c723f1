"""The clock is an argument: the system's in production, one moved by hand in tests."""

import datetime as dt
import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time; `monotonic` for durations, `now` for what people see."""

    def now(self) -> dt.datetime: ...

    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that stands still until a test calls `advance`."""

    def __init__(self, start: dt.datetime | None = None) -> None:
        self._now = start or dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        self._monotonic = 1000.0

    def now(self) -> dt.datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both clocks on by `seconds`."""
        self._now += dt.timedelta(seconds=seconds)
        self._monotonic += seconds
