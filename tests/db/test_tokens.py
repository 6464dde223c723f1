"""Access tokens: what is forged, expired or revoked is refused, at once and also when no news arrive."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from actors.keyring import Keyring
from actors.states import signing
from actors.states.signing import SigningKey
from api.tokens import UserCaller
from cluster.errors import Forbidden, Unauthenticated, Unavailable
from cluster.revocations import CHANNEL, News
from db.pool import Pool
from tests.db.auth_world import World, eventually, open_world


@pytest.fixture
async def world(pool: Pool, redis_url: str) -> AsyncIterator[World]:
    async with open_world(pool, redis_url) as world:
        yield world


async def test_a_good_token_says_who_is_asking(world: World) -> None:
    async with world.verifier() as verifier:
        account_id, tokens = await world.signed_in(scopes=("read", "write:media"))
        for _ in range(2):  # the second time it is remembered
            caller = await verifier.verify(tokens.access_token)
            assert isinstance(caller, UserCaller)
            assert caller.account_id == account_id
            assert caller.session_id == tokens.session_id
            assert caller.scopes == ("read", "write:media")


async def test_an_app_on_its_own_has_no_account(world: World) -> None:
    async with world.verifier() as verifier:
        tokens = await world.app_tokens()
        caller = await verifier.verify(tokens.access_token)
        assert not isinstance(caller, UserCaller)
        assert caller.account_id is None


async def test_forged_tokens_are_refused(world: World) -> None:
    tokens = await world.tokens()
    header = jwt.get_unverified_header(tokens.access_token)
    claims = jwt.decode(tokens.access_token, options={"verify_signature": False})
    key = await Keyring(settings=world.settings.auth, pool=world.pool, clock=world.clock).current()
    public = key.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    stranger = Ed25519PrivateKey.generate()
    head, payload, signature = tokens.access_token.split(".")

    def signed(changes: dict[str, object], *, drop: str = "") -> str:
        changed = {name: value for name, value in {**claims, **changes}.items() if name != drop}
        return jwt.encode(changed, key.private, "EdDSA", headers={"kid": key.kid})

    forged = {
        "another key": jwt.encode(claims, stranger, "EdDSA", headers={"kid": header["kid"]}),
        "an unknown key": jwt.encode(claims, stranger, "EdDSA", headers={"kid": "ffff"}),
        "no key named": jwt.encode(claims, stranger, "EdDSA"),
        "no algorithm": jwt.encode(claims, None, "none", headers={"kid": header["kid"]}),
        "the public key as a shared secret": _hs256(claims, public, header["kid"]),
        "other claims under the old signature": f"{head}.{_b64({**claims, 'sub': '1'})}.{signature}",
        "a cut signature": tokens.access_token[:-10],
        "no signature": f"{head}.{payload}.",
        "another issuer": signed({"iss": "https://elsewhere.example"}),
        "another audience": signed({"aud": "other"}),
        "no session": signed({}, drop="sid"),
        "a session that is no number": signed({"sid": "x"}),
        "an account that is no number": signed({"sub": "-1"}),
        "a deep payload": f"{head}.{base64.urlsafe_b64encode(b'[' * 2000).decode()}.{signature}",
        "a deep header": f"{base64.urlsafe_b64encode(b'[' * 2000).decode()}.{payload}.{signature}",
        "too long": "a" * 100_000,
        "nothing": "..",
        "not ASCII": "ü.ü.ü",
        "a word": "token",
    }
    async with world.verifier() as verifier:
        await verifier.verify(signed({}))
        for kind, token in forged.items():
            with pytest.raises(Unauthenticated, match="The access token is invalid"):
                await verifier.verify(token)
                pytest.fail(kind)


async def test_forged_key_names_do_not_hammer_the_database(world: World) -> None:
    async with world.verifier() as verifier:
        reads = 0
        read = verifier._read_keys

        async def counted() -> None:
            nonlocal reads
            reads += 1
            await read()

        verifier._read_keys = counted  # type: ignore[method-assign]
        world.clock.advance(5)
        key = Ed25519PrivateKey.generate()
        tokens = [jwt.encode({}, key, "EdDSA", headers={"kid": str(n)}) for n in range(50)]
        answers = await asyncio.gather(*(verifier.verify(token) for token in tokens), return_exceptions=True)
        assert all(isinstance(answer, Unauthenticated) for answer in answers)
        assert reads == 1


async def test_a_token_of_a_key_made_meanwhile_is_known_at_once(world: World) -> None:
    async with world.verifier() as verifier:
        key = SigningKey.generate(world.clock.now())
        async with world.pool.transaction() as conn:
            await conn.execute(
                "INSERT INTO oauth_signing_keys (kid, private_key, public_key) VALUES ($1, $2, $3)",
                key.kid,
                key.private_bytes(),
                key.public_bytes(),
            )
        world.clock.advance(2)
        await _beat(world)
        token = signing.mint(
            key,
            issuer=world.settings.public_url,
            session_id=5,
            account_id=6,
            app_id=7,
            scopes=("read",),
            issued_at=0,
            expires_at=None,
        )
        assert (await verifier.verify(token)).account_id == 6


async def test_an_expired_token_is_refused_also_when_it_was_remembered(world: World) -> None:
    async with world.verifier() as verifier:
        tokens = await world.tokens(offline=True)
        await verifier.verify(tokens.access_token)
        world.clock.advance(world.settings.auth.access_ttl_s)
        with pytest.raises(Unauthenticated, match="expired"):
            await verifier.verify(tokens.access_token)


async def test_a_revoked_token_is_refused_everywhere_within_a_second(world: World) -> None:
    async with world.verifier(real_time=True) as one, world.verifier(real_time=True) as other:
        heard: list[int] = []
        other.add_listener(heard.extend)
        tokens, spared = await world.tokens(), await world.tokens()
        for verifier in (one, other):
            await verifier.verify(tokens.access_token)
        await world.sessions.revoke(session_ids=[tokens.session_id], reason="signed out")
        revoked_at = time.monotonic()
        for verifier in (one, other):
            await eventually(lambda v=verifier: _refused(v, tokens.access_token), within_s=1)
        assert time.monotonic() - revoked_at < 1
        assert heard == [tokens.session_id]
        await other.verify(spared.access_token)


async def test_a_suspended_person_is_told_so(world: World) -> None:
    async with world.verifier() as verifier:
        tokens = await world.tokens()
        await world.sessions.revoke(session_ids=[tokens.session_id], reason="suspended")
        with pytest.raises(Forbidden, match="Your login is currently disabled"):
            while True:
                await verifier.verify(tokens.access_token)
                await asyncio.sleep(0.01)


async def test_what_was_revoked_before_a_replica_started_is_refused(world: World) -> None:
    tokens = await world.tokens()
    await world.sessions.revoke(session_ids=[tokens.session_id], reason="x")
    async with world.verifier() as verifier:
        with pytest.raises(Unauthenticated):
            await verifier.verify(tokens.access_token)


async def test_a_replica_without_news_asks_the_shard_and_fails_closed(world: World) -> None:
    async with world.verifier() as verifier:
        good, bad = await world.tokens(), await world.tokens()
        await verifier.verify(bad.access_token)
        await _silence(world)
        await _end_silently(world, bad.session_id)
        await verifier.verify(bad.access_token)  # news are not yet overdue
        world.clock.advance(world.settings.auth.revocation_lag_s_max + 0.1)
        assert not verifier.ready
        await verifier.verify(good.access_token)
        with pytest.raises(Unauthenticated):
            await verifier.verify(bad.access_token)

        async def gone(**_: object) -> list[bool]:
            raise Unavailable

        world.sessions.live = gone  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            await verifier.verify(good.access_token)


@pytest.mark.parametrize("change", ["a gap", "a new epoch"])
async def test_a_replica_that_missed_news_reads_the_truth(world: World, change: str) -> None:
    async with world.verifier() as verifier:
        tokens = await world.tokens()
        await verifier.verify(tokens.access_token)
        await _silence(world)
        async with world.pool.transaction() as conn:
            await conn.execute(
                "UPDATE oauth_sessions SET revoked_at = now() WHERE id = $1", tokens.session_id
            )
        epoch = world.sessions.shards["sessions-0"].epoch
        news = News("sessions-0", epoch, 7) if change == "a gap" else News("sessions-0", epoch + 1, 0)
        await world.bus.publish(CHANNEL, news.wire())
        await eventually(lambda: _refused(verifier, tokens.access_token))


async def test_what_a_shard_could_not_tell_before_it_died_its_successor_makes_known(world: World) -> None:
    async with world.verifier() as verifier:
        tokens = await world.tokens()
        await verifier.verify(tokens.access_token)
        shards = world.sessions.shards

        async def silent(**_: object) -> None:
            """The crash: between the commit and the telling."""

        for shard in shards.values():
            shard._herald.announce = silent  # type: ignore[union-attr, method-assign]
        await world.sessions.revoke(session_ids=[tokens.session_id], reason="x")
        await verifier.verify(tokens.access_token)
        for name in list(shards):
            await shards[name].stop()
            shards[name] = world.shard(name)
            assert await shards[name].ready(5)
        await eventually(lambda: _refused(verifier, tokens.access_token))
        await eventually(lambda: verifier.ready)
        await verifier.verify((await world.tokens()).access_token)


async def test_a_predecessor_cannot_keep_a_replica_believing(world: World) -> None:
    async with world.verifier() as verifier:
        await _silence(world)
        old = {name: shard.epoch for name, shard in world.sessions.shards.items()}
        for name, epoch in old.items():
            await world.bus.publish(CHANNEL, News(name, epoch + 1, 0).wire())
        await eventually(lambda: verifier.ready)
        world.clock.advance(world.settings.auth.revocation_lag_s_max + 0.1)
        for name, epoch in old.items():
            await world.bus.publish(CHANNEL, News(name, epoch, 0).wire())
        await asyncio.sleep(0.1)
        assert not verifier.ready


async def test_nonsense_on_the_channel_does_not_stop_a_replica(world: World) -> None:
    async with world.verifier() as verifier:
        await world.bus.publish(CHANNEL, b"nonsense")
        await asyncio.sleep(0.3)
        tokens = await world.tokens()
        await world.sessions.revoke(session_ids=[tokens.session_id], reason="x")
        await eventually(lambda: _refused(verifier, tokens.access_token))
        await eventually(lambda: verifier.ready)


async def test_remembered_tokens_are_bounded(world: World) -> None:
    async with world.verifier() as verifier:
        verifier._tokens_max = 3
        for _ in range(5):
            await verifier.verify((await world.tokens()).access_token)
        assert len(verifier._callers) == 3


async def _refused(verifier, token: str) -> bool:
    try:
        await verifier.verify(token)
    except Unauthenticated:
        return True
    return False


async def _beat(world: World) -> None:
    """Let every shard be heard again after the clock was moved."""
    await asyncio.sleep(3 * world.settings.sessions.heartbeat_ms / 1000)


async def _silence(world: World) -> None:
    """Stop every shard's news; what they are asked they still answer."""
    for shard in world.sessions.shards.values():
        assert shard._herald is not None
        await shard._herald.close()
    await asyncio.sleep(0.1)


async def _end_silently(world: World, session_id: int) -> None:
    async with world.pool.transaction() as conn:
        await conn.execute("UPDATE oauth_sessions SET revoked_at = now() WHERE id = $1", session_id)


def _b64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _hs256(claims: dict[str, object], secret: bytes, kid: str) -> str:
    import hashlib
    import hmac

    body = f"{_b64({'alg': 'HS256', 'typ': 'JWT', 'kid': kid})}.{_b64(claims)}"
    digest = hmac.digest(secret, body.encode(), hashlib.sha256)
    return f"{body}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
