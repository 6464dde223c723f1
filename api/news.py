"""What caches ask of the replica's inbox (`api/inbox.py`), and of its absence."""

from collections.abc import Sequence
from typing import Protocol

from actors.ports import Head


class News(Protocol):
    """The deliveries that this replica hears."""

    def fresh(self, shard: str | None = None) -> bool:
        """Whether the shard (None: every shard) was heard within the last second, without a gap."""
        ...

    async def watch(self, account_ids: Sequence[int]) -> list[Head]:
        """Hear of these accounts from now on; counted, so that each `watch` needs an `unwatch`."""
        ...

    def unwatch(self, account_ids: Sequence[int]) -> None:
        """One listener less for each of these accounts."""
        ...
