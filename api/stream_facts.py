"""What has to be known to deliver a round of news: cards, viewers, permissions. A few batched questions."""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from api import flags
from api.actions import conversations, notifications
from api.cards import Card
from api.context import Context
from api.hub import Hub
from api.stream_targets import Targets
from api.viewers import Viewer
from cluster.events import Notified, StatusEdited, StatusPosted, Visibility
from db.queries import streams

_GUARDED = (Visibility.PRIVATE, Visibility.DIRECT)
_BITS = {
    "favourite": flags.FAVOURITED,
    "reblog": flags.REBLOGGED,
    "bookmark": flags.BOOKMARKED,
    "pin": flags.PINNED,
}


@dataclass(slots=True)
class Facts:
    """The answers for one round."""

    cards: dict[int, Card] = field(default_factory=dict)
    viewers: dict[int, Viewer] = field(default_factory=dict)
    allowed: set[tuple[int, int]] = field(default_factory=set)  # (status, account), for guarded statuses
    bits: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    lists: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))  # by status
    notifications: dict[int, bytes] = field(default_factory=dict)
    conversations: dict[tuple[int, int], bytes] = field(default_factory=dict)  # by (conversation, account)

    def bits_for(self, viewer: Viewer, card: Card) -> int:
        """The viewer's flags on a card, as `api/drawing.py` has them."""
        proper = card.proper
        bits = self.bits.get((proper.id, viewer.account_id), 0) if self.bits else 0
        if proper.account_id == viewer.account_id and proper.visibility != "direct":
            bits |= flags.OWN
        if viewer.muted_conversations and proper.conversation_id in viewer.muted_conversations:
            bits |= flags.MUTED
        return bits


def guarded(card: Card) -> bool:
    """Whether every reader is checked in Postgres at delivery: an unfollow or a block that was committed
    before the post must hold, even while news of it are still on their way."""
    return card.visibility in _GUARDED or card.proper.visibility in _GUARDED


async def gather(ctx: Context, hub: Hub, round_: Sequence[Targets]) -> Facts:
    """Everything that this round needs. Raises Unavailable."""
    facts = Facts()
    facts.cards, facts.viewers = await asyncio.gather(
        _cards(ctx, round_), _viewers(ctx, _accounts(hub, round_))
    )
    edited = {
        targets.delivery.row.event.status_id
        for targets in round_
        if isinstance(targets.delivery.row.event, StatusEdited)
    }
    questions: list[Coroutine[Any, Any, None]] = []
    secret = [card.id for card in facts.cards.values() if guarded(card)]
    if secret:
        questions.append(_permissions(ctx, facts, secret))
    # Nobody can have reacted to what was posted just now.
    reacted_to = {c.proper.id for c in facts.cards.values() if c.inner is not None or c.id in edited}
    if reacted_to and facts.viewers:
        questions.append(_reactions(ctx, facts, list(reacted_to)))
    if facts.cards and any(targets.lists for targets in round_):
        questions.append(_lists(ctx, facts, hub))
    questions += _drawings(ctx, facts, round_)
    if questions:
        await asyncio.gather(*questions)
    return facts


async def _cards(ctx: Context, round_: Sequence[Targets]) -> dict[int, Card]:
    """The statuses of this round. Events name whatever they are drawn with, so all of it is asked for at once
    and not one after the other."""
    statuses: set[int] = set()
    parts: set[int] = set()
    authors: set[int] = set()
    for targets in round_:
        event = targets.delivery.row.event
        if isinstance(event, StatusPosted | StatusEdited):
            statuses.add(event.status_id)
            authors.add(event.account_id)
        if isinstance(event, StatusPosted) and event.reblog_of_id and event.reblog_of_account_id:
            parts.add(event.reblog_of_id)
            authors.add(event.reblog_of_account_id)
    if not statuses:
        return {}
    found, *_ = await asyncio.gather(ctx.cards.get_many(statuses | parts), ctx.cards.accounts(authors))
    return {status_id: card for status_id, card in found.items() if status_id in statuses}


def _accounts(hub: Hub, round_: Sequence[Targets]) -> set[int]:
    """Everybody through whose eyes something in this round has to be seen."""
    found: set[int] = set()
    public: set[str] = set()
    tags: set[str] = set()
    for targets in round_:
        found.update(targets.home, targets.direct)
        public.update(targets.public)
        tags.update(targets.tags)
    topics = [hub.readers("public").get(key, ()) for key in public]
    topics += [hub.readers("tag").get(key, ()) for key in tags]
    if any(targets.lists for targets in round_):
        topics += hub.readers("list").values()
    for readers in topics:
        for subscription in readers:
            if subscription.connection.account_id is not None:
                found.add(subscription.connection.account_id)
    return found


async def _viewers(ctx: Context, account_ids: set[int]) -> dict[int, Viewer]:
    found = {account_id: ctx.viewers.peek(account_id) for account_id in account_ids}
    missing = [account_id for account_id, viewer in found.items() if viewer is None]
    loaded = await asyncio.gather(*(ctx.viewers.get(account_id) for account_id in missing))
    found.update(zip(missing, loaded, strict=True))
    return {account_id: viewer for account_id, viewer in found.items() if viewer is not None}


async def _permissions(ctx: Context, facts: Facts, status_ids: list[int]) -> None:
    async with ctx.pool.connection() as conn:
        facts.allowed = await streams.allowed(conn, status_ids=status_ids, account_ids=list(facts.viewers))


async def _reactions(ctx: Context, facts: Facts, status_ids: list[int]) -> None:
    async with ctx.pool.connection() as conn:
        rows = await streams.reactions(conn, status_ids=status_ids, account_ids=list(facts.viewers))
    for row in rows:
        facts.bits[row["status_id"], row["account_id"]] |= _BITS[row["kind"]]


async def _lists(ctx: Context, facts: Facts, hub: Hub) -> None:
    list_ids = [key for key in hub.readers("list") if isinstance(key, int)]
    async with ctx.pool.connection() as conn:
        found = await streams.lists_showing(conn, status_ids=list(facts.cards), list_ids=list_ids)
    for status_id, list_id in found:
        facts.lists[status_id].append(list_id)


def _drawings(ctx: Context, facts: Facts, round_: Sequence[Targets]) -> list[Coroutine[Any, Any, None]]:
    """What is drawn for one person at a time: notifications and conversations."""
    ids: defaultdict[int, list[int]] = defaultdict(list)
    threads: defaultdict[int, set[int]] = defaultdict(set)
    for targets in round_:
        event = targets.delivery.row.event
        if isinstance(event, Notified) and targets.notifications:
            ids[event.account_id].append(event.notification_id)
        elif isinstance(event, StatusPosted) and event.status_id in facts.cards:
            for account_id in targets.direct:
                threads[account_id].add(facts.cards[event.status_id].conversation_id)

    async def draw_notification(account_id: int, notification_id: int) -> None:
        for drawn in await notifications.draw(ctx, account_id=account_id, ids=[notification_id]):
            facts.notifications[notification_id] = drawn

    async def draw_conversation(account_id: int, conversation_id: int) -> None:
        for drawn in await conversations.draw(ctx, account_id=account_id, ids=[conversation_id]):
            facts.conversations[conversation_id, account_id] = drawn

    return [draw_notification(account, one) for account, many in ids.items() for one in many] + [
        draw_conversation(account, one) for account, many in threads.items() for one in many
    ]
