"""One delivery -> Mastodon's events, for each open stream whose reader may have it. Waits for nothing.

Readers are judged one account at a time, by the rules that REST uses; what they get is drawn once for all
who see the same.
"""

from collections.abc import Callable, Collection

from api import rules
from api.cards import Card
from api.frames import Frames
from api.hub import Hub, Subscription
from api.stream_facts import Facts, guarded
from api.stream_targets import Targets
from api.viewers import Viewer
from cluster.events import Notified, StatusDeleted, StatusEdited, StatusPosted, ViewerChanged

Rule = Callable[[Card, Viewer | None], bool]


def send(hub: Hub, targets: Targets, facts: Facts) -> None:
    """Send what this delivery leads to. Readers who came after the facts were gathered are left out."""
    event = targets.delivery.row.event
    if isinstance(event, StatusPosted | StatusEdited):
        card = facts.cards.get(event.status_id)
        if card is not None:  # deleted meanwhile
            _send_status(hub, targets, facts, card)
    elif isinstance(event, StatusDeleted):
        _send_deletion(hub, targets, facts, event)
    elif isinstance(event, Notified):
        drawn = facts.notifications.get(event.notification_id)
        if drawn is not None:
            _push(hub, hub.readers("notifications").get(event.account_id, ()), Frames("notification", drawn))
    elif isinstance(event, ViewerChanged):
        for account_id in targets.home:
            _push(hub, hub.readers("home").get(account_id, ()), Frames("filters_changed", None))


class _Drawings:
    """One status as each kind of viewer gets it: rendered once, framed once."""

    def __init__(self, event: str, card: Card, facts: Facts) -> None:
        self._event, self._card, self._facts = event, card, facts
        self._by_bits: dict[int | None, Frames] = {}

    def for_viewer(self, viewer: Viewer | None) -> Frames:
        bits = None if viewer is None else self._facts.bits_for(viewer, self._card)
        frames = self._by_bits.get(bits)
        if frames is None:
            body = self._card.anonymous() if bits is None else self._card.flagged(bits)
            frames = self._by_bits[bits] = Frames(self._event, body)
        return frames


def _send_status(hub: Hub, targets: Targets, facts: Facts, card: Card) -> None:
    edited = isinstance(targets.delivery.row.event, StatusEdited)
    drawings = _Drawings("status.update" if edited else "update", card, facts)
    secret = guarded(card)
    home = hub.readers("home")
    for account_id in targets.home:
        viewer = facts.viewers.get(account_id)
        if viewer is None or not rules.in_home(card, viewer):
            continue
        if secret and (card.id, account_id) not in facts.allowed:
            continue
        if edited and not _has_at_home(card, viewer):
            continue
        _push(hub, home.get(account_id, ()), drawings.for_viewer(viewer))
    if targets.lists:
        _send_to_lists(hub, facts, drawings, card)
    _send_to_public(hub, targets, facts, drawings, card)
    for account_id in targets.direct:
        drawn = facts.conversations.get((card.conversation_id, account_id))
        if drawn is not None and (card.id, account_id) in facts.allowed:
            _push(hub, hub.readers("direct").get(account_id, ()), Frames("conversation", drawn))


def _send_to_lists(hub: Hub, facts: Facts, drawings: _Drawings, card: Card) -> None:
    for list_id in facts.lists.get(card.id, ()):
        for subscription in hub.readers("list").get(list_id, ()):
            viewer = facts.viewers.get(subscription.connection.account_id or 0)
            if viewer is None or not rules.in_list(card, viewer):
                continue
            if guarded(card) and (card.id, viewer.account_id) not in facts.allowed:
                continue
            _push(hub, (subscription,), drawings.for_viewer(viewer))


def _send_to_public(hub: Hub, targets: Targets, facts: Facts, drawings: _Drawings, card: Card) -> None:
    topics = [hub.readers("tag").get(tag, ()) for tag in targets.tags]
    if card.in_reply_to_id is None or card.in_reply_to_account_id == card.account_id:  # as the timelines
        wanted = [key for key in targets.public if not key or card.has_media]
        topics += [hub.readers("public").get(key, ()) for key in wanted]
    for readers in topics:
        for subscription in readers:
            account_id = subscription.connection.account_id
            viewer = None if account_id is None else facts.viewers.get(account_id)
            if account_id is not None and viewer is None:
                continue
            if rules.in_public(card, viewer):
                _push(hub, (subscription,), drawings.for_viewer(viewer))


def _send_deletion(hub: Hub, targets: Targets, facts: Facts, event: StatusDeleted) -> None:
    frames = Frames("delete", str(event.status_id).encode())
    home = hub.readers("home")
    for account_id in targets.home:
        viewer = facts.viewers.get(account_id)
        if viewer is not None and _had_at_home(event, viewer):
            _push(hub, home.get(account_id, ()), frames)
    for readers in hub.readers("list").values() if targets.lists else ():
        for subscription in readers:
            viewer = facts.viewers.get(subscription.connection.account_id or 0)
            if viewer is not None and event.account_id in viewer.follows:
                _push(hub, (subscription,), frames)
    for key in targets.public:
        _push(hub, hub.readers("public").get(key, ()), frames)
    for tag in targets.tags:
        _push(hub, hub.readers("tag").get(tag, ()), frames)


def _has_at_home(card: Card, viewer: Viewer) -> bool:
    """Whether an edited status is in this viewer's home feed: nobody was asked, so its rule is applied."""
    if viewer.account_id == card.account_id or viewer.account_id in card.mentioned:
        return True
    if card.account_id not in viewer.follows:
        return False
    parent = card.in_reply_to_account_id
    return parent is None or parent in (card.account_id, viewer.account_id) or parent in viewer.follows


def _had_at_home(event: StatusDeleted, viewer: Viewer) -> bool:
    if viewer.account_id == event.account_id or viewer.account_id in event.mentions:
        return True
    return event.visibility != "direct" and event.account_id in viewer.follows


def _push(hub: Hub, readers: Collection[Subscription], frames: Frames) -> None:
    hub.sent += len(readers)
    for subscription in readers:
        subscription.push(frames)
