"""Which open streams a delivery may concern: a first, cheap sieve before anything is asked or drawn. Pure.

Most of what happens on a server concerns nobody on this replica, and that must cost nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from api.hub import Hub
from cluster.events import (
    Delivery,
    Notified,
    StatusDeleted,
    StatusEdited,
    StatusPosted,
    ViewerChanged,
    Visibility,
)

K = TypeVar("K", int, str)


@dataclass(frozen=True, slots=True)
class Targets:
    """A delivery with the keys of the topics that it may go to; rules decide about each reader."""

    delivery: Delivery
    home: tuple[int, ...] = ()
    notifications: tuple[int, ...] = ()
    direct: tuple[int, ...] = ()
    public: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    lists: bool = False

    def __bool__(self) -> bool:
        return bool(self.home or self.notifications or self.direct or self.public or self.tags or self.lists)


def targets_of(hub: Hub, delivery: Delivery) -> Targets:
    """Who may have to hear of this."""
    event = delivery.row.event
    if isinstance(event, StatusPosted):
        return _of_post(hub, delivery, event)
    if isinstance(event, StatusEdited | StatusDeleted):
        return _of_change(hub, delivery, event)
    if isinstance(event, Notified):
        return Targets(delivery, notifications=_listening(hub.readers("notifications"), delivery.audience))
    if isinstance(event, ViewerChanged) and event.what == "filters":
        return Targets(delivery, home=_listening(hub.readers("home"), delivery.audience))
    return Targets(delivery)


def _of_post(hub: Hub, delivery: Delivery, event: StatusPosted) -> Targets:
    home = _listening(hub.readers("home"), delivery.audience)
    if not delivery.primary:
        return Targets(delivery, home=home)
    if event.visibility == Visibility.DIRECT:  # whom it mentions need not follow its author
        concerned = dict.fromkeys((event.account_id, *event.mentions))
        return Targets(delivery, home=home, direct=_listening(hub.readers("direct"), concerned))
    lists = bool(hub.readers("list"))
    if event.visibility != Visibility.PUBLIC or event.reblog_of_id is not None:
        return Targets(delivery, home=home, lists=lists)
    return Targets(
        delivery, home=home, public=_public(hub), tags=_listening(hub.readers("tag"), event.tags), lists=lists
    )


def _of_change(hub: Hub, delivery: Delivery, event: StatusEdited | StatusDeleted) -> Targets:
    # Nobody keeps who got the status once; viewers say who would get it now.
    if not delivery.primary:
        return Targets(delivery)
    public = event.visibility == Visibility.PUBLIC
    return Targets(
        delivery,
        home=tuple(account_id for account_id in hub.readers("home") if isinstance(account_id, int)),
        public=_public(hub) if public else (),
        tags=_listening(hub.readers("tag"), event.tags) if public else (),
        lists=bool(hub.readers("list")) and event.visibility != Visibility.DIRECT,
    )


def _public(hub: Hub) -> tuple[str, ...]:
    return tuple(key for key in hub.readers("public") if isinstance(key, str))


def _listening(readers: Mapping[int | str, object], keys: Iterable[K]) -> tuple[K, ...]:
    return tuple(key for key in keys if key in readers) if readers else ()
