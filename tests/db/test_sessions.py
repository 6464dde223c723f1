"""Session shards: durable before answered, fenced, one successor per refresh, keys that rotate and retire."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from actors.keyring import Keyring
from actors.ports import Grant
from cluster.errors import Forbidden, OAuthError, Unavailable
from cluster.sharding import slot_of
from db.pool import Pool
from tests.db.auth_world import World, eventually, open_world


@pytest.fixture
async def world(pool: Pool, redis_url: str) -> AsyncIterator[World]:
    async with open_world(pool, redis_url) as world:
        yield world


async def test_a_session_is_durable_and_owned_by_the_shard_that_made_it(world: World) -> None:
    made = [await world.tokens() for _ in range(6)]
    async with world.pool.connection() as conn:
        owners = {
            record["slot"]: record["shard"]
            for record in await conn.fetch("SELECT slot, shard FROM slots WHERE kind = 'sessions'")
        }
        stored = {record["id"] for record in await conn.fetch("SELECT id FROM oauth_sessions")}
    assert {tokens.session_id for tokens in made} == stored
    turns = [owners[slot_of(tokens.session_id)] for tokens in made]
    assert turns == ["sessions-0", "sessions-1"] * 3
    assert await world.sessions.live(session_ids=[made[0].session_id, 12345]) == [True, False]


async def test_a_plain_session_has_no_expiry_and_an_offline_one_has_a_refresh_token(world: World) -> None:
    plain = await world.tokens()
    assert (plain.expires_in_s, plain.refresh_token) == (None, None)
    offline = await world.tokens(offline=True)
    assert offline.expires_in_s == 3600
    assert offline.refresh_token is not None
    async with world.pool.connection() as conn:
        kept = await conn.fetchval("SELECT string_agg(token_hash::text, '') FROM oauth_refresh_tokens")
    assert offline.refresh_token not in kept


async def test_a_suspended_or_unknown_account_gets_no_session(world: World) -> None:
    account_id, app_id = await world.account(), await world.app()
    async with world.pool.transaction() as conn:
        await conn.execute("UPDATE accounts SET suspended_at = now() WHERE id = $1", account_id)
    for identifier in (account_id, 1):
        with pytest.raises(Forbidden):
            await world.sessions.create(Grant(identifier, app_id, ("read",)))


async def test_a_refresh_gives_new_tokens_once_and_the_same_again_within_the_grace(world: World) -> None:
    first = await world.tokens(offline=True)
    app_id = await _app_of(world, first.session_id)
    world.clock.advance(10)
    second = await _refresh(world, first.refresh_token, app_id)
    assert second.refresh_token not in (None, first.refresh_token)
    assert second.access_token != first.access_token
    world.clock.advance(29)
    assert await _refresh(world, first.refresh_token, app_id) == second
    third = await _refresh(world, second.refresh_token, app_id)
    assert third.refresh_token not in (first.refresh_token, second.refresh_token)


async def test_concurrent_refreshes_of_one_token_get_the_same_successor(world: World) -> None:
    first = await world.tokens(offline=True)
    app_id = await _app_of(world, first.session_id)
    answers = await asyncio.gather(*(_refresh(world, first.refresh_token, app_id) for _ in range(8)))
    assert len(set(answers)) == 1
    async with world.pool.connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM oauth_refresh_tokens") == 2


async def test_reuse_after_the_grace_ends_the_whole_family(world: World) -> None:
    first = await world.tokens(offline=True)
    app_id = await _app_of(world, first.session_id)
    second = await _refresh(world, first.refresh_token, app_id)
    world.clock.advance(31)
    for token in (first.refresh_token, second.refresh_token):
        with pytest.raises(OAuthError) as caught:
            await _refresh(world, token, app_id)
        assert caught.value.code == "invalid_grant"
    assert await world.sessions.live(session_ids=[first.session_id]) == [False]


async def test_a_refresh_token_is_refused_when_foreign_expired_unknown_or_of_an_ended_session(
    world: World,
) -> None:
    tokens = await world.tokens(offline=True)
    app_id = await _app_of(world, tokens.session_id)
    with pytest.raises(OAuthError):
        await _refresh(world, tokens.refresh_token, app_id + 1)
    for text in ("", "x", "1.x", f"{tokens.session_id}.AAAA", tokens.access_token):
        with pytest.raises(OAuthError):
            await _refresh(world, text, app_id)
    ended = await world.tokens(offline=True)
    await world.sessions.revoke(session_ids=[ended.session_id], reason="signed out")
    with pytest.raises(OAuthError):
        await _refresh(world, ended.refresh_token, await _app_of(world, ended.session_id))
    world.clock.advance(world.settings.auth.refresh_ttl_s)
    with pytest.raises(OAuthError):
        await _refresh(world, tokens.refresh_token, app_id)


async def test_a_refresh_may_narrow_scopes_and_never_widen_them(world: World) -> None:
    tokens = await world.tokens(offline=True, scopes=("read", "write"))
    app_id = await _app_of(world, tokens.session_id)
    with pytest.raises(OAuthError) as caught:
        await world.sessions.refresh(
            refresh_token=tokens.refresh_token, app_id=app_id, scopes=("read", "push")
        )
    assert caught.value.code == "invalid_scope"
    narrow = await world.sessions.refresh(refresh_token=tokens.refresh_token, app_id=app_id, scopes=("read",))
    assert narrow.scopes == ("read",)
    assert (await _refresh(world, narrow.refresh_token, app_id)).scopes == ("read", "write")


async def test_a_shard_with_a_newer_owner_writes_nothing_more(world: World) -> None:
    tokens = await world.tokens(offline=True)
    app_id = await _app_of(world, tokens.session_id)
    newer = [world.shard(name) for name in world.sessions.shards]
    for shard in newer:
        assert await shard.ready(5)
    with pytest.raises(Unavailable):
        await world.tokens()
    with pytest.raises(Unavailable):
        await world.sessions.revoke(session_ids=[tokens.session_id], reason="x")
    with pytest.raises(Unavailable):
        await _refresh(world, tokens.refresh_token, app_id)
    async with world.pool.connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM oauth_sessions WHERE revoked_at IS NOT NULL") == 0
        assert await conn.fetchval("SELECT count(*) FROM oauth_sessions") == 1
    for shard in newer:
        await shard.stop()


async def test_a_shard_that_lost_its_slots_writes_nothing_more(world: World) -> None:
    tokens = await world.tokens()
    async with world.pool.transaction() as conn:
        await conn.execute("UPDATE slots SET shard = 'sessions-1', epoch = 9 WHERE kind = 'sessions'")
    with pytest.raises(Unavailable):
        await world.sessions.shards["sessions-0"].revoke(session_ids=[tokens.session_id], reason="x")


async def test_an_idle_shard_notices_its_successor_and_leaves(world: World) -> None:
    left = asyncio.Event()
    idle = world.shard()
    idle._on_fenced = left.set  # as the actor does, which then exits
    assert await idle.ready(5)
    newer = world.shard()
    assert await newer.ready(5)
    world.clock.advance(2)  # past the next renewal
    await asyncio.wait_for(left.wait(), 3)
    await newer.stop()
    await idle.stop()


async def test_expired_refresh_tokens_are_dropped(world: World) -> None:
    await world.tokens(offline=True)
    world.clock.advance(world.settings.auth.refresh_ttl_s + 3600)
    await world.tokens(offline=True)

    async def one_left() -> bool:
        async with world.pool.connection() as conn:
            return await conn.fetchval("SELECT count(*) FROM oauth_refresh_tokens") == 1

    await eventually(one_left)


async def test_keys_rotate_with_a_lead_and_retire_when_no_live_session_names_them(world: World) -> None:
    ttl_s = world.settings.auth.signing_key_ttl_s
    ring = Keyring(settings=world.settings.auth, pool=world.pool, clock=world.clock)
    old = await ring.current()
    tokens = await world.tokens()
    world.clock.advance(ttl_s - 60)
    assert (await ring.current()).kid == old.kid  # the next one exists and is not yet known everywhere
    assert len(await _kids(world)) == 2
    world.clock.advance(180)
    new = await ring.current()
    assert new.kid != old.kid
    assert await ring.current() == new
    world.clock.advance(2 * 3600)
    await ring.upkeep()
    assert old.kid in await _kids(world)  # a live session names it
    await world.sessions.revoke(session_ids=[tokens.session_id], reason="x")
    await ring.upkeep()
    assert await _kids(world) == {new.kid}


async def test_many_shards_make_one_key(world: World) -> None:
    rings = [Keyring(settings=world.settings.auth, pool=world.pool, clock=world.clock) for _ in range(5)]
    world.clock.advance(world.settings.auth.signing_key_ttl_s)
    await asyncio.gather(*(ring.upkeep() for ring in rings))
    assert len(await _kids(world)) == 2


async def test_a_refreshed_session_moves_to_the_new_key_and_keeps_the_old_one_for_a_while(
    world: World,
) -> None:
    ring = Keyring(settings=world.settings.auth, pool=world.pool, clock=world.clock)
    old = await ring.current()
    tokens = await world.tokens(offline=True)
    app_id = await _app_of(world, tokens.session_id)
    world.clock.advance(world.settings.auth.signing_key_ttl_s)
    await ring.upkeep()
    world.clock.advance(3800)
    await _refresh(world, tokens.refresh_token, app_id)
    await ring.upkeep()
    assert old.kid in await _kids(world)  # the access token before this refresh may still be in use
    world.clock.advance(2 * 3600)
    await ring.upkeep()
    assert old.kid not in await _kids(world)


async def _refresh(world: World, refresh_token: str | None, app_id: int):
    assert refresh_token is not None
    return await world.sessions.refresh(refresh_token=refresh_token, app_id=app_id)


async def _app_of(world: World, session_id: int) -> int:
    async with world.pool.connection() as conn:
        return await conn.fetchval("SELECT app_id FROM oauth_sessions WHERE id = $1", session_id)


async def _kids(world: World) -> set[str]:
    async with world.pool.connection() as conn:
        rows = await conn.fetch("SELECT kid FROM oauth_signing_keys WHERE retired_at IS NULL")
    return {row["kid"] for row in rows}
