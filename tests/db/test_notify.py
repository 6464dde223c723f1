"""Notification drafts become rows only where the recipient's blocks and mutes allow it."""

import asyncio
import time

import pytest

from api.notify import NotificationDraft, notify
from cluster.events import Notified
from db.pool import Pool


async def people(pool: Pool, *, count: int) -> list[int]:
    async with pool.transaction() as conn:
        rows = await conn.fetch(
            "INSERT INTO accounts (username) SELECT 'person' || n FROM generate_series(1, $1::int) n"
            " RETURNING id",
            count,
        )
    return [row["id"] for row in rows]


async def post(pool: Pool, *, account_id: int) -> int:
    async with pool.transaction(ordered=True) as conn:
        return await conn.fetchval(
            "INSERT INTO statuses (account_id, visibility, conversation_id) VALUES ($1, 'public', 77)"
            " RETURNING id",
            account_id,
        )


async def send(pool: Pool, *drafts: NotificationDraft) -> list[Notified]:
    async with pool.transaction(ordered=True) as conn:
        return await notify(conn, drafts=drafts)


async def test_a_draft_becomes_a_row_and_an_event(pool: Pool) -> None:
    alice, bob = await people(pool, count=2)
    status = await post(pool, account_id=bob)
    events = await send(pool, NotificationDraft(alice, "mention", bob, status))
    assert [(event.account_id, event.type, event.from_account_id, event.status_id) for event in events] == [
        (alice, "mention", bob, status)
    ]
    async with pool.connection() as conn:
        assert await conn.fetchval("SELECT id FROM notifications") == events[0].notification_id


async def test_nobody_is_notified_of_their_own_act(pool: Pool) -> None:
    (alice,) = await people(pool, count=1)
    assert await send(pool, NotificationDraft(alice, "follow", alice)) == []


async def test_the_same_act_notifies_once_but_edits_notify_each_time(pool: Pool) -> None:
    alice, bob = await people(pool, count=2)
    status = await post(pool, account_id=alice)
    favourite = NotificationDraft(alice, "favourite", bob, status)
    assert len(await send(pool, favourite, favourite)) == 1
    assert await send(pool, favourite) == []
    update = NotificationDraft(alice, "update", bob, status)
    assert len(await send(pool, update)) == 1
    assert len(await send(pool, update)) == 1


@pytest.mark.parametrize("blocker", ["recipient", "actor"])
async def test_a_block_in_either_direction_silences(pool: Pool, blocker: str) -> None:
    alice, bob = await people(pool, count=2)
    pair = (alice, bob) if blocker == "recipient" else (bob, alice)
    async with pool.transaction() as conn:
        await conn.execute("INSERT INTO blocks (account_id, target_id) VALUES ($1, $2)", *pair)
    assert await send(pool, NotificationDraft(alice, "follow", bob)) == []


@pytest.mark.parametrize(
    ("hides", "expires", "notified"),
    [(True, None, False), (False, None, True), (True, "1 hour", False), (True, "-1 second", True)],
)
async def test_a_mute_silences_when_it_hides_notifications_and_has_not_ended(
    pool: Pool, hides: bool, expires: str | None, notified: bool
) -> None:
    alice, bob = await people(pool, count=2)
    async with pool.transaction() as conn:
        await conn.execute(
            "INSERT INTO mutes (account_id, target_id, hide_notifications, expires_at)"
            " VALUES ($1, $2, $3, now() + $4::text::interval)",
            alice,
            bob,
            hides,
            expires,
        )
    assert bool(await send(pool, NotificationDraft(alice, "follow", bob))) is notified


async def test_a_muted_conversation_is_silent(pool: Pool) -> None:
    alice, bob = await people(pool, count=2)
    status = await post(pool, account_id=bob)
    async with pool.transaction() as conn:
        await conn.execute("INSERT INTO conversation_mutes VALUES ($1, 77)", alice)
    assert await send(pool, NotificationDraft(alice, "mention", bob, status)) == []


async def test_hundreds_of_drafts_cost_one_statement_and_keep_their_order(pool: Pool) -> None:
    actor, *others = await people(pool, count=501)
    drafts = [NotificationDraft(other, "follow", actor) for other in others]
    async with pool.transaction(ordered=True) as conn:
        await conn.fetch("SELECT $1::bigint[], $2::text[]", [], [])  # the driver asks for array types once
        statements: list[str] = []
        conn.add_query_logger(lambda record: statements.append(record.query))  # type: ignore[union-attr]
        started = time.perf_counter()
        events = await notify(conn, drafts=drafts)
        elapsed = time.perf_counter() - started
        await asyncio.sleep(0)  # the driver logs from the loop
        count = len(statements)
    assert count == 1
    assert [event.account_id for event in events] == others
    ids = [event.notification_id for event in events]
    assert ids == sorted(ids)
    assert elapsed < 1  # about 20 ms for 500 on the machine that this was written on
