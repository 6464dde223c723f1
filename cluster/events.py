"""What happened, and what listeners hear. Frozen dataclasses with a compact list form for the wire.

An `Event` is a row of the outbox: written in the transaction that it describes, told to the shards after
the commit, and swept up by them when the telling was lost. A `Delivery` is what a shard tells the replicas
that watch: a kind and ids, never a document, so that privacy is decided where it is delivered.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self


class Visibility(StrEnum):
    """Who may see a status, from everybody to those who are mentioned."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    PRIVATE = "private"
    DIRECT = "direct"


def _members(event: Any) -> tuple[str, ...]:
    names: tuple[str, ...] = event.__slots__
    return names


@dataclass(frozen=True, slots=True)
class Event:
    """Base of everything that goes into the outbox. Subclasses are flat: ids, strings, lists of them."""

    kind: ClassVar[str] = ""

    def row(self) -> list[Any]:
        """The event as a JSON-ready list, without its kind."""
        # Not dataclasses.astuple: it copies every member deeply, 13 us where this takes one.
        return [getattr(self, name) for name in _members(self)]

    @classmethod
    def from_row(cls, row: list[Any]) -> Self:
        """The event written by `row`; ignores members that a newer version added."""
        return cls(*row[: len(_members(cls))])


@dataclass(frozen=True, slots=True)
class StatusPosted(Event):
    """A status became visible: a post, a reply or a reblog."""

    kind: ClassVar[str] = "posted"
    status_id: int
    account_id: int
    visibility: str
    reblog_of_id: int | None = None
    reblog_of_account_id: int | None = None
    in_reply_to_id: int | None = None
    in_reply_to_account_id: int | None = None
    mentions: list[int] | tuple[int, ...] = ()  # mentioned local accounts
    tags: list[str] | tuple[str, ...] = ()  # normalised hashtags
    has_media: bool = False
    after: int = 0  # the status that was posted before this one, by whomever; 0: not known


@dataclass(frozen=True, slots=True)
class StatusDeleted(Event):
    """A status is gone. Carries what streams need, because the row cannot be asked any more."""

    kind: ClassVar[str] = "deleted"
    status_id: int
    account_id: int
    visibility: str
    mentions: list[int] | tuple[int, ...] = ()
    tags: list[str] | tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusEdited(Event):
    """A status has a new text, warning or media."""

    kind: ClassVar[str] = "edited"
    status_id: int
    account_id: int
    visibility: str
    mentions: list[int] | tuple[int, ...] = ()
    tags: list[str] | tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusTouched(Event):
    """Counts of a status changed; rendered copies of it are stale."""

    kind: ClassVar[str] = "touched"
    status_id: int
    account_id: int


@dataclass(frozen=True, slots=True)
class RelationChanged(Event):
    """`account_id` changed its relation to `target_id`; both people's views of each other are stale.

    `change`: follow, unfollow, request, unrequest, block, unblock, mute, unmute.
    """

    kind: ClassVar[str] = "relation"
    account_id: int
    target_id: int
    change: str


@dataclass(frozen=True, slots=True)
class ViewerChanged(Event):
    """What one person sees changed by their own act: a favourite, a bookmark, a pin, a filter, a list.

    `what`: reaction (then `status_id` is set), filters, lists, preferences.
    """

    kind: ClassVar[str] = "viewer"
    account_id: int
    what: str
    status_id: int | None = None


@dataclass(frozen=True, slots=True)
class AccountChanged(Event):
    """A profile or its counts changed, or the account was suspended or deleted (`gone`)."""

    kind: ClassVar[str] = "account"
    account_id: int
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Notified(Event):
    """`account_id` has a new notification of the given type."""

    kind: ClassVar[str] = "notified"
    notification_id: int
    account_id: int
    type: str
    from_account_id: int
    status_id: int | None = None


EVENTS: dict[str, type[Event]] = {
    event.kind: event
    for event in (
        StatusPosted,
        StatusDeleted,
        StatusEdited,
        StatusTouched,
        RelationChanged,
        ViewerChanged,
        AccountChanged,
        Notified,
    )
}


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An event and its row in the outbox: `id` names the row for ever."""

    id: int
    event: Event

    def wire(self) -> list[Any]:
        """[id, kind, members]"""
        return [self.id, self.event.kind, self.event.row()]

    @classmethod
    def from_wire(cls, wire: list[Any]) -> Self:
        """The row written by `wire`."""
        return cls(wire[0], EVENTS[wire[1]].from_row(wire[2]))


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one shard tells one replica about one outbox row.

    `audience`: accounts that this replica watches and to whose own streams the row belongs (home for
    StatusPosted, notifications for Notified, cached view for RelationChanged and ViewerChanged).
    `primary`: true from exactly one shard per row, the one that owns the acting account's slot. What is
    not bound to a person (public streams, edits, deletions, stale counts) listens to primary rows only.
    """

    row: OutboxRow
    audience: tuple[int, ...] = ()
    primary: bool = False

    def wire(self) -> list[Any]:
        """[outbox id, kind, members, audience, primary]"""
        return [*self.row.wire(), self.audience, self.primary]

    @classmethod
    def from_wire(cls, wire: list[Any]) -> Self:
        """The delivery written by `wire`."""
        return cls(OutboxRow.from_wire(wire), tuple(wire[3]), wire[4])


@dataclass(frozen=True, slots=True)
class Batch:
    """One tick's deliveries from one shard to one replica.

    `epoch` changes when the shard starts anew; `sequence` counts this replica's batches from 1 without
    holes, so a replica knows what it missed. An empty batch is a heartbeat and repeats the last sequence.
    """

    shard: str
    epoch: int
    sequence: int
    deliveries: tuple[Delivery, ...] = ()

    def wire(self) -> list[Any]:
        """[shard, epoch, sequence, deliveries]"""
        return [self.shard, self.epoch, self.sequence, [delivery.wire() for delivery in self.deliveries]]

    @classmethod
    def from_wire(cls, wire: list[Any]) -> Self:
        """The batch written by `wire`."""
        return cls(wire[0], wire[1], wire[2], tuple(Delivery.from_wire(item) for item in wire[3]))
