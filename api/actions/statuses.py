"""Statuses: post, delete, look at, in their thread, as typed. Editing is in edits, reacting in reactions."""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from api import drawing, entities, hydrate, rules
from api.actions import media
from api.actions.posting import Draft, prepare
from api.cards import Card
from api.context import Context
from api.revising import Deletion, write_deletions
from api.writers import write_posts
from cluster.errors import InvalidInput, NotFound, SocialFlowError
from db.queries import revisions, statuses, threads

__all__ = ["Draft", "context", "delete", "draw_many", "post", "post_many", "source"]

ASKED_MAX = 20  # statuses in one `GET /api/v1/statuses?id[]=`, as Mastodon
KEY_CHARACTERS_MAX = 255  # an Idempotency-Key longer than this is kept as its hash


@dataclass(frozen=True, slots=True)
class ContextLimits:
    """How much of a thread is shown."""

    ancestors: int
    descendants: int
    depth: int


SIGNED_IN = ContextLimits(4096, 4096, 4096)
ANONYMOUS = ContextLimits(40, 60, 20)  # both as Mastodon


async def post(ctx: Context, draft: Draft) -> int:
    """Write a status; its id. With an `idempotency_key` that was used within the hour: the first one's id.

    Raises InvalidInput, NotFound (the status to answer), Overloaded, Unavailable.
    """
    draft = _with_short_key(draft)
    if (repeated := await _holder(ctx, draft)) is not None:
        return repeated
    try:
        (ready,) = await prepare(ctx, (draft,))
    except InvalidInput:
        # The first request may have been written meanwhile, and have taken the media.
        if (repeated := await _holder(ctx, draft)) is not None:
            return repeated
        raise
    return await ctx.committer.submit(write_posts, ready)


async def post_many(ctx: Context, drafts: Sequence[Draft]) -> list[int]:
    """Write statuses in order; their ids. Nothing is written when one of them is not acceptable."""
    return await ctx.committer.submit_many(write_posts, await prepare(ctx, drafts))


def _with_short_key(draft: Draft) -> Draft:
    key = draft.idempotency_key
    if key is None or len(key) <= KEY_CHARACTERS_MAX:
        return draft
    return replace(draft, idempotency_key=hashlib.sha256(key.encode()).hexdigest())


async def _holder(ctx: Context, draft: Draft) -> int | None:
    key = (draft.account_id, draft.idempotency_key or "")
    if not key[1]:
        return None
    async with ctx.pool.connection() as conn:
        keep_s = ctx.settings.statuses.idempotency_ttl_s
        return (await statuses.key_holders(conn, keys=(key,), keep_s=keep_s)).get(key)


async def own(ctx: Context, *, account_id: int, status_id: int) -> Card:
    """A status of the caller's, to change it. Raises NotFound for everything else."""
    card = await drawing.see_status(ctx, status_id=status_id, caller_id=account_id)
    if card.account_id != account_id:
        raise NotFound
    return card


async def delete(ctx: Context, *, account_id: int, status_id: int, delete_media: bool) -> bytes:
    """Delete a status; its last JSON with the text as typed, for writing it anew. Raises NotFound."""
    await own(ctx, account_id=account_id, status_id=status_id)
    typed = await _typed(ctx, status_id=status_id)
    drawn = await drawing.draw_status(ctx, status_id=status_id, caller_id=account_id)
    wish = Deletion(account_id, status_id, delete_media)
    deleted = await ctx.committer.submit(write_deletions, wish)
    with suppress(SocialFlowError):  # the status is gone; an object that stays harms nobody
        await media.delete_objects(ctx, deleted.keys)
    return entities.extended(drawn, {"text": typed.text})


async def source(ctx: Context, *, caller_id: int, status_id: int) -> dict[str, Any]:
    """What was typed (StatusSource). Raises NotFound."""
    card = await drawing.see_status(ctx, status_id=status_id, caller_id=caller_id)
    typed = await _typed(ctx, status_id=card.id)
    return {"id": str(card.id), "text": typed.text, "spoiler_text": typed.spoiler_text}


async def _typed(ctx: Context, *, status_id: int) -> revisions.Typed:
    async with ctx.pool.connection() as conn:
        typed = await revisions.typed(conn, status_id=status_id)
    if typed is None:
        raise NotFound
    return typed


async def draw_many(ctx: Context, *, ids: Sequence[int], caller_id: int | None) -> list[bytes]:
    """Some statuses, without those that the caller may not see. Raises InvalidInput for too many."""
    if len(ids) > ASKED_MAX:
        raise InvalidInput(f"At most {ASKED_MAX} posts can be asked for at once")
    return await drawing.draw_statuses(ctx, ids=ids, caller_id=caller_id)


async def context(ctx: Context, *, status_id: int, caller_id: int | None) -> tuple[list[bytes], list[bytes]]:
    """What a status answers, oldest first, and what answers it, in the order of reading. Raises NotFound."""
    await drawing.see_status(ctx, status_id=status_id, caller_id=caller_id)
    limits = ANONYMOUS if caller_id is None else SIGNED_IN
    async with ctx.pool.connection() as conn:
        above = await threads.ancestors(conn, status_id=status_id, limit=limits.ancestors)
        below = await threads.descendants(
            conn, status_id=status_id, limit=limits.descendants, depth=limits.depth
        )
    cards = await hydrate.cards(ctx, ids=_by_branch(below, root=status_id))
    ancestors, descendants = await asyncio.gather(
        drawing.draw_statuses(ctx, ids=above, caller_id=caller_id, rule=rules.in_thread),
        drawing.draw_statuses(ctx, ids=_authors_own_first(cards), caller_id=caller_id, rule=rules.in_thread),
    )
    return ancestors, descendants


def _by_branch(pairs: Sequence[tuple[int, int]], *, root: int) -> list[int]:
    """(status, what it answers) pairs as one reads a tree: each answer followed by its own answers."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for status_id, parent_id in pairs:
        children[parent_id].append(status_id)
    ordered: list[int] = []
    stack = sorted(children[root], reverse=True)
    while stack:
        status_id = stack.pop()
        ordered.append(status_id)
        stack.extend(sorted(children[status_id], reverse=True))
    return ordered


def _authors_own_first(cards: Sequence[Card]) -> list[int]:
    """Going on with one's own thread comes before the answers of others (as Mastodon)."""
    own_thread = [card.id for card in cards if card.in_reply_to_account_id == card.account_id]
    others = [card.id for card in cards if card.in_reply_to_account_id != card.account_id]
    return own_thread + others
