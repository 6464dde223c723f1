"""Buckets are exact under concurrency, shared by replicas, and counted here while Valkey is away."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import pytest

from api.limits import (
    ACCOUNT,
    ADDRESS,
    DELETES,
    LOGIN,
    MEDIA,
    SIGN_INS,
    SIGN_UPS,
    Limiter,
    Rule,
    claims_of,
    throttled_address,
)
from api.tokens import Caller, UserCaller
from cluster.clock import Clock, ManualClock, SystemClock
from cluster.errors import RateLimited
from cluster.settings import Limits
from db.bus import Bus

_names = (f"somebody{number}" for number in count())


@pytest.fixture
async def bus(redis_url: str) -> AsyncIterator[Bus]:
    bus = Bus(redis_url)
    await bus.open()
    yield bus
    await bus.close()


def limiter(bus: Bus, clock: Clock | None = None, **options: object) -> Limiter:
    return Limiter(settings=Limits(**options), bus=bus, clock=clock or ManualClock())


@pytest.mark.parametrize(("limit", "period_s"), [(300, 300), (7, 10), (1, 60), (30_000, 300)])
async def test_exactly_the_limit_passes_at_once(bus: Bus, limit: int, period_s: int) -> None:
    rule, whose = Rule("test", min(limit, 300), period_s), next(_names)
    replicas = [limiter(bus), limiter(bus)]
    standings = await asyncio.gather(*(replicas[n % 2].take((whose, rule)) for n in range(rule.limit + 50)))
    assert sum(standing.allowed for standing in standings) == rule.limit
    passed = [standing.remaining for standing in standings if standing.allowed]
    assert sorted(passed) == list(range(rule.limit))


async def test_a_bucket_fills_again_in_time(bus: Bus) -> None:
    rule, whose = Rule("quick", 5, 1), next(_names)
    one = limiter(bus)
    for _ in range(5):
        assert (await one.take((whose, rule))).allowed
    refused = await one.take((whose, rule))
    assert not refused.allowed
    assert refused.remaining == 0
    assert 0 < refused.retry_after_s <= 0.2
    assert 0.7 < refused.reset_s <= 1
    await asyncio.sleep(0.25)
    assert (await one.take((whose, rule))).allowed
    assert not (await one.take((whose, rule))).allowed


async def test_the_tightest_of_several_buckets_decides(bus: Bus) -> None:
    wide, narrow, whose = Rule("wide", 10, 60), Rule("narrow", 2, 60), next(_names)
    one = limiter(bus)
    standing = await one.take((whose, wide), (whose, narrow))
    assert (standing.limit, standing.remaining) == (2, 1)
    await one.take((whose, wide), (whose, narrow))
    assert not (await one.take((whose, wide), (whose, narrow))).allowed
    assert (await one.take((next(_names), wide), (next(_names), narrow))).allowed


async def test_development_multiplies_and_off_is_off(bus: Bus) -> None:
    rule, whose = Rule("test", 5, 60), next(_names)
    assert (await limiter(bus, profile="development").take((whose, rule))).limit == 500
    assert await limiter(bus, enabled=False).take((whose, rule)) is None


async def test_exactly_the_limit_passes_one_after_the_other_with_few_round_trips(bus: Bus) -> None:
    calls = await count_calls(bus)
    rule, one, whose = Rule("test", 300, 300), limiter(bus, SystemClock()), next(_names)
    standings = [await one.take((whose, rule)) for _ in range(310)]
    assert [standing.allowed for standing in standings[:300]] == [True] * 300
    assert sum(standing.allowed for standing in standings[300:]) <= 1  # the test may take a second
    assert [standing.remaining for standing in standings[:200]] == list(range(299, 99, -1))
    assert len(calls) < 120


async def test_several_replicas_together_let_no_more_pass(bus: Bus) -> None:
    rule, whose = Rule("test", 200, 2000), next(_names)
    replicas = [limiter(bus, SystemClock()) for _ in range(3)]
    passed = 0
    for turn in range(600):
        passed += (await replicas[turn % 3].take((whose, rule))).allowed
    assert passed == 200


async def test_what_was_taken_ahead_is_given_back_after_a_while(bus: Bus) -> None:
    rule, clock, whose = Rule("test", 1000, 10_000), ManualClock(), next(_names)
    one = limiter(bus, clock)
    for _ in range(20):
        await one.take((whose, rule))
    clock.advance(2)
    assert (await one.take((whose, rule))).remaining == 1000 - 21
    other = limiter(bus, clock)
    assert (await other.take((whose, rule))).remaining == 1000 - 22


async def test_a_caller_that_goes_away_leaves_the_next_ones_their_lease(bus: Bus) -> None:
    calls = await count_calls(bus)
    rule, one, whose = Rule("test", 10_000, 10_000), limiter(bus, SystemClock()), next(_names)
    for _ in range(3):
        await one.take((whose, rule))
    abandoned = asyncio.ensure_future(one.take((whose, rule)))
    await asyncio.sleep(0)
    abandoned.cancel()
    await asyncio.gather(abandoned, return_exceptions=True)
    before = len(calls)
    for _ in range(200):
        assert (await one.take((whose, rule))).allowed
    assert len(calls) - before < 30


async def count_calls(bus: Bus) -> list[object]:
    calls: list[object] = []
    run = bus.run_script

    async def counted(source: str, **options: object) -> object:
        calls.append(options["keys"])
        return await run(source, **options)

    bus.run_script = counted
    return calls


async def test_what_is_asked_in_one_tick_is_one_round_trip(bus: Bus) -> None:
    calls = await count_calls(bus)
    one = limiter(bus)
    await asyncio.gather(*(one.take((next(_names), ACCOUNT)) for _ in range(40)))
    assert [len(keys) for keys in calls] == [40]


async def test_callers_that_go_away_do_not_stop_the_rest(bus: Bus) -> None:
    one, rule = limiter(bus), Rule("test", 100, 60)
    tasks = [asyncio.ensure_future(one.take(("x", rule))) for _ in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    answers = await asyncio.gather(*tasks[1::2])
    assert all(answer.allowed for answer in answers)
    assert (await one.take(("x", rule))).allowed


async def test_without_valkey_a_replica_counts_for_itself() -> None:
    gone, clock = Bus("redis://127.0.0.1:1"), ManualClock()
    one, rule = limiter(gone, clock), Rule("test", 3, 30)
    standings = [await one.take(("x", rule)) for _ in range(4)]
    assert [(standing.allowed, standing.remaining) for standing in standings] == [
        (True, 2),
        (True, 1),
        (True, 0),
        (False, 0),
    ]
    assert standings[3].retry_after_s == pytest.approx(10)
    clock.advance(10)
    assert (await one.take(("x", rule))).allowed
    assert not (await one.take(("x", rule))).allowed


async def test_sign_in_attempts_are_counted_by_name_however_it_is_written(bus: Bus) -> None:
    one, name = limiter(bus), next(_names)
    for number in range(LOGIN.limit):
        await one.check_login(name.upper() if number % 2 else f" {name}")
    with pytest.raises(RateLimited):
        await one.check_login(name)
    await one.check_login(next(_names))


PERSON = UserCaller(5, 6, 7, ("read",), 0, None)
APP = Caller(None, 6, 7, ("read",), 0, None)


@pytest.mark.parametrize(
    ("method", "path", "caller", "claims"),
    [
        ("GET", "/api/v1/timelines/home", PERSON, [("a5", ACCOUNT)]),
        ("GET", "/api/v1/timelines/home", APP, [("s6", ACCOUNT)]),
        ("GET", "/api/v1/timelines/public", None, [("1.2.3.4", ADDRESS)]),
        ("POST", "/api/v2/media", PERSON, [("a5", ACCOUNT), ("a5", MEDIA)]),
        ("DELETE", "/api/v1/statuses/12", PERSON, [("a5", ACCOUNT), ("a5", DELETES)]),
        ("POST", "/api/v1/statuses/12/unreblog", PERSON, [("a5", ACCOUNT), ("a5", DELETES)]),
        ("GET", "/api/v1/statuses/12", PERSON, [("a5", ACCOUNT)]),
        ("POST", "/api/v1/accounts", APP, [("s6", ACCOUNT), ("1.2.3.4", SIGN_UPS)]),
        ("POST", "/oauth/token", None, [("1.2.3.4", SIGN_INS)]),
        ("POST", "/auth/sign_in", None, [("1.2.3.4", SIGN_INS)]),
        ("GET", "/healthz", None, []),
    ],
)
def test_who_pays_for_what(method: str, path: str, caller: object, claims: list[object]) -> None:
    assert claims_of(method, path, caller=caller, address="1.2.3.4") == claims


def test_addresses_of_one_household_share_a_bucket() -> None:
    assert throttled_address("203.0.113.9") == "203.0.113.9"
    assert throttled_address("2001:db8::1") == throttled_address("2001:db8::ffff:1") == "2001:db8::/64"
    assert throttled_address("2001:db8:0:1::1") != throttled_address("2001:db8::1")
    assert throttled_address("::ffff:203.0.113.9") == "203.0.113.9"
    assert throttled_address("nonsense") == "-"
