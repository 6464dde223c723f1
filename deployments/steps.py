"""Steps of a start, timed and reported as they end; several may be under way at once."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deployments.report import Report


class Steps:
    """Times by name, and the report that hears of them."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._began = time.monotonic()
        self.taken: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        """Since the first step could begin."""
        return round(time.monotonic() - self._began, 3)

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Time the block; what it says becomes the note. A block that raises is not reported."""
        began = time.monotonic()
        notes: list[str] = []
        yield notes.append
        self.record(name, seconds=round(time.monotonic() - began, 3), note=" ".join(notes))

    def record(self, name: str, *, seconds: float, note: str = "") -> None:
        """A step that was timed elsewhere."""
        self.taken[name] = seconds
        self._report.step(name, seconds=seconds, note=note)
