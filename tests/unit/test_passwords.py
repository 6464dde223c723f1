"""Passwords are hashed beside the event loop, boundedly, and checks for nobody cost what real ones cost."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from api.passwords import Passwords, Verdict
from cluster.errors import Overloaded


@pytest.fixture
def cheap() -> Iterator[Passwords]:
    passwords = Passwords("cheap")
    yield passwords
    passwords.close()


@pytest.fixture
def strong() -> Iterator[Passwords]:
    passwords = Passwords("strong")
    yield passwords
    passwords.close()


async def test_a_right_password_is_right_and_a_wrong_one_wrong(cheap: Passwords) -> None:
    stored = await cheap.hash("correct horse")
    assert stored.startswith("$argon2id$")
    assert await cheap.check(stored, "correct horse") == Verdict(right=True)
    assert await cheap.check(stored, "correct horsf") == Verdict(right=False)
    assert await cheap.check("garbage", "correct horse") == Verdict(right=False)
    assert await cheap.check(None, "nobody has this password") == Verdict(right=False)


async def test_a_hash_of_another_profile_is_right_and_outdated(cheap: Passwords, strong: Passwords) -> None:
    weak = await cheap.hash("correct horse")
    assert await strong.check(weak, "correct horse") == Verdict(right=True, outdated=True)
    assert "m=65536,t=3,p=4" in await strong.hash("correct horse")


async def test_a_check_for_nobody_takes_as_long_as_a_real_one(strong: Passwords) -> None:
    stored = await strong.hash("correct horse")
    await strong.check(None, "warm up")

    async def best(hash_of: str | None) -> float:
        times = []
        for _ in range(5):
            started = time.perf_counter()
            await strong.check(hash_of, "wrong")
            times.append(time.perf_counter() - started)
        return min(times)

    somebody, nobody = await best(stored), await best(None)
    assert nobody > 0.5 * somebody


async def test_the_event_loop_goes_on_while_passwords_are_hashed(strong: Passwords) -> None:
    hashing = asyncio.ensure_future(strong.hash("x"))
    ticks = 0
    while not hashing.done():
        await asyncio.sleep(0)
        ticks += 1
    assert ticks > 10


async def test_beyond_the_queue_it_is_overload_also_when_callers_gave_up(strong: Passwords) -> None:
    bounded = Passwords("strong", queue_max=2)
    abandoned = [asyncio.ensure_future(bounded.hash("x")) for _ in range(2)]
    await asyncio.sleep(0)
    for task in abandoned:
        task.cancel()
    with pytest.raises(Overloaded):
        await bounded.hash("x")
    while True:  # the work ends by itself, and then there is room again
        try:
            assert await bounded.hash("x")
            break
        except Overloaded:
            await asyncio.sleep(0.01)
    bounded.close()
