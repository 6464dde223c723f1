"""Lists: making them, and who is in them. Somebody else's list does not exist."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from api.announce import announce
from api.context import Context
from cluster.errors import FieldError, InvalidInput, NotFound
from cluster.events import ViewerChanged
from db.entities import List
from db.pages import Page, Window
from db.pool import Connection
from db.queries import links, lists, outbox
from db.queries.links import Link

LISTS_MAX = 50  # as Mastodon
TITLE_CHARACTERS_MAX = 256  # as Mastodon


@dataclass(frozen=True, slots=True)
class ListChange:
    """New values of a list; None leaves one as it is."""

    title: str | None = None
    replies_policy: str | None = None
    exclusive: bool | None = None


async def of_account(ctx: Context, *, account_id: int) -> list[List]:
    """All lists of the caller."""
    async with ctx.pool.connection() as conn:
        return await lists.of_account(conn, account_id=account_id)


async def containing(ctx: Context, *, account_id: int, member_id: int) -> list[List]:
    """The caller's lists that somebody is in."""
    async with ctx.pool.connection() as conn:
        return await lists.containing(conn, account_id=account_id, member_id=member_id)


async def show(ctx: Context, *, account_id: int, list_id: int) -> List:
    """One of the caller's lists. Raises NotFound."""
    async with ctx.pool.connection() as conn:
        return await _owned(conn, account_id=account_id, list_id=list_id)


async def create(ctx: Context, *, account_id: int, change: ListChange) -> List:
    """A new list. Raises InvalidInput without a title, or when there are too many."""
    title = _check_title(change.title or "")
    async with ctx.pool.transaction() as conn:
        made = await lists.insert(
            conn,
            account_id=account_id,
            title=title,
            replies_policy=change.replies_policy or "list",
            exclusive=bool(change.exclusive),
            maximum=LISTS_MAX,
        )
        if made is None:
            raise InvalidInput("Validation failed: You have reached the maximum number of lists")
        rows = await outbox.append(conn, events=[ViewerChanged(account_id, "lists")])
    await announce(ctx, rows)
    return made


async def update(ctx: Context, *, account_id: int, list_id: int, change: ListChange) -> List:
    """Change a list. Raises NotFound, InvalidInput."""
    title = None if change.title is None else _check_title(change.title)
    async with ctx.pool.transaction() as conn:
        await _owned_for_update(conn, account_id=account_id, list_id=list_id)
        changed = await lists.update(
            conn,
            list_id=list_id,
            title=title,
            replies_policy=change.replies_policy,
            exclusive=change.exclusive,
        )
        rows = await outbox.append(conn, events=[ViewerChanged(account_id, "lists")])
    await announce(ctx, rows)
    return changed


async def delete(ctx: Context, *, account_id: int, list_id: int) -> None:
    """Remove a list; its members stay followed. Raises NotFound."""
    async with ctx.pool.transaction() as conn:
        if not await lists.delete(conn, list_id=list_id, account_id=account_id):
            raise NotFound
        rows = await outbox.append(conn, events=[ViewerChanged(account_id, "lists")])
    await announce(ctx, rows)


async def members(ctx: Context, *, account_id: int, list_id: int, window: Window) -> Page[Link]:
    """Who is in a list; a limit of 0 means everybody. Raises NotFound."""
    async with ctx.pool.connection() as conn:
        await _owned(conn, account_id=account_id, list_id=list_id)
        return await links.members(conn, list_id=list_id, window=window)


async def add(ctx: Context, *, account_id: int, list_id: int, member_ids: Sequence[int]) -> None:
    """Put people into a list, all or none. Raises NotFound for one whom the caller does not follow,
    InvalidInput for one who is in it already (both as Mastodon)."""
    wanted = list(dict.fromkeys(member_ids))
    async with ctx.pool.transaction() as conn:
        await _owned_for_update(conn, account_id=account_id, list_id=list_id)
        found = await lists.candidates(conn, account_id=account_id, list_id=list_id, member_ids=wanted)
        if not all(row["followed"] or row["id"] == account_id for row in found):
            raise NotFound
        if any(row["listed"] for row in found):
            raise InvalidInput("Validation failed: Account has already been taken")
        try:
            await lists.add_members(conn, list_id=list_id, member_ids=wanted)
        except asyncpg.ForeignKeyViolationError as error:
            raise NotFound from error
        rows = await outbox.append(conn, events=[ViewerChanged(account_id, "lists")])
    await announce(ctx, rows)


async def remove(ctx: Context, *, account_id: int, list_id: int, member_ids: Sequence[int]) -> None:
    """Take people out of a list. Raises NotFound when the list is not the caller's."""
    async with ctx.pool.transaction() as conn:
        await _owned_for_update(conn, account_id=account_id, list_id=list_id)
        await lists.remove_members(conn, list_id=list_id, member_ids=member_ids)
        rows = await outbox.append(conn, events=[ViewerChanged(account_id, "lists")])
    await announce(ctx, rows)


async def _owned(conn: Connection, *, account_id: int, list_id: int) -> List:
    found = await lists.owned(conn, list_id=list_id, account_id=account_id)
    if found is None:
        raise NotFound
    return found


async def _owned_for_update(conn: Connection, *, account_id: int, list_id: int) -> List:
    found = await lists.owned_for_update(conn, list_id=list_id, account_id=account_id)
    if found is None:
        raise NotFound
    return found


def _check_title(title: str) -> str:
    title = title.strip()
    if not title:
        error = FieldError("title", "ERR_BLANK", "can't be blank")
        raise InvalidInput("Validation failed: Title can't be blank", (error,))
    if len(title) > TITLE_CHARACTERS_MAX:
        words = f"is too long (maximum is {TITLE_CHARACTERS_MAX} characters)"
        raise InvalidInput(f"Validation failed: Title {words}", (FieldError("title", "ERR_TOO_LONG", words),))
    return title
