"""What the API asks of the shards. Two implementations satisfy it: Ray handles and in-process ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cluster.events import Batch, OutboxRow
from db.pages import Window


@dataclass(frozen=True, slots=True)
class HomeSlice:
    """Part of a home feed, newest first.

    `floor`: everything above this id that belongs to the feed is known to the shard; a page that reaches
    below continues in Postgres from here. 0 when the ring holds the whole feed.
    """

    ids: tuple[int, ...]
    floor: int


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entries of a watched home feed, and the batch after which they were read.

    Batches of (`shard`, `epoch`) with a sequence above `sequence` are not yet part of it.
    """

    account_id: int
    ids: tuple[int, ...]
    floor: int
    shard: str
    epoch: int
    sequence: int


class Feeds(Protocol):
    """Home feeds, and the news of everything that happens."""

    async def home(self, *, account_id: int, window: Window) -> HomeSlice:
        """The window's part of one home feed. Raises Unavailable when the shard does not answer in time."""
        ...

    async def tell(self, rows: Sequence[OutboxRow]) -> None:
        """Tell the shards what was just committed; waits at most `feeds.nudge_wait_ms`. Never raises:
        what is lost here, the shards find in the outbox."""
        ...

    async def watch(self, *, replica: str, account_ids: Sequence[int]) -> list[Head]:
        """Deliver these accounts' events to `replica` from now on. The heads are read in the same step,
        in the order asked. Raises Unavailable."""
        ...

    async def unwatch(self, *, replica: str, account_ids: Sequence[int]) -> None:
        """Stop delivering these accounts' events to `replica`. Never raises."""
        ...

    async def register(self, *, replica: str, primary: bool) -> None:
        """Announce a replica to every shard, and again before `feeds.replica_ttl_s` has passed.

        `primary`: whether it wants rows that are bound to nobody (edits, deletions, public posts)."""
        ...

    async def catch_up(self, *, replica: str, shard: str, epoch: int, after: int) -> list[Batch] | None:
        """The batches of `epoch` after sequence `after`, or None when that history is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Grant:
    """Who a new session is for and what it may do."""

    account_id: int | None
    app_id: int
    scopes: tuple[str, ...]
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a token endpoint answers with."""

    session_id: int
    access_token: str
    scopes: tuple[str, ...]
    created_at: int  # unix seconds
    expires_in_s: int | None = None  # None: valid until revoked
    refresh_token: str | None = None


class Sessions(Protocol):
    """Sessions behind access tokens: one writer per session family."""

    async def create(self, grant: Grant) -> Tokens:
        """Open a session; durable when this returns. Raises Unavailable."""
        ...

    async def refresh(self, *, refresh_token: str, app_id: int, scopes: tuple[str, ...] = ()) -> Tokens:
        """Rotate a refresh token; concurrent callers get the same successor. Raises OAuthError
        (invalid_grant) for an unknown, expired, foreign or reused token; reuse revokes the family."""
        ...

    async def revoke(self, *, session_ids: Sequence[int], reason: str) -> None:
        """End sessions everywhere within a second; durable when this returns. Unknown ids are ignored."""
        ...

    async def live(self, *, session_ids: Sequence[int]) -> list[bool]:
        """Which of these sessions are alive, from the owner itself. Raises Unavailable."""
        ...
