"""Whether a status is missing between those that a shard heard of: each names the one posted before it.

Replicas tell on their own, so a later status may arrive before an earlier one. Who had read the later one and
then asked for what is newer than it (`since_id`) would never get the earlier one; so the shard looks it up in
the outbox first, where it is visible already: ids become visible in their own order (db/pool.py).
"""

from collections.abc import Iterable

from cluster.events import OutboxRow, StatusPosted


class Chain:
    """The newest status of which everything before is known."""

    def __init__(self, newest: int = 0) -> None:
        self.newest = newest

    def broken_by(self, rows: Iterable[OutboxRow]) -> bool:
        """Whether something came before one of these rows that is neither known nor among them."""
        newest = self.newest
        for event in _posted(rows):
            if event.after > newest:
                return True
            newest = max(newest, event.status_id)
        return False

    def follow(self, rows: Iterable[OutboxRow]) -> None:
        """These rows, and all before them, are applied."""
        for event in _posted(rows):
            self.newest = max(self.newest, event.status_id)


def _posted(rows: Iterable[OutboxRow]) -> Iterable[StatusPosted]:
    return sorted(
        (row.event for row in rows if isinstance(row.event, StatusPosted)), key=lambda event: event.status_id
    )
