"""Lanes: one call a tick, bounded, and indifferent to callers who go away."""

import asyncio
from collections.abc import Sequence

import pytest

from actors.lanes import Lane
from cluster.errors import Overloaded, Unavailable


class Echo:
    """Answers when it is let; keeps what it was asked."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await self.gate.wait()
        if -1 in items:
            raise Unavailable("minus one")
        return [item * 10 for item in items]


async def test_what_is_asked_in_one_tick_is_one_call() -> None:
    echo = Echo()
    lane = Lane(echo, batch_max=100, queue_max=100)
    assert await asyncio.gather(*(lane.put(number) for number in range(5))) == [0, 10, 20, 30, 40]
    assert echo.batches == [[0, 1, 2, 3, 4]]


async def test_one_call_is_in_flight_and_the_next_takes_all_who_came_meanwhile() -> None:
    echo = Echo()
    lane = Lane(echo, batch_max=3, queue_max=100)
    echo.gate.clear()
    first = lane.put(1)
    await asyncio.sleep(0.01)
    rest = [lane.put(number) for number in range(2, 7)]
    await asyncio.sleep(0.01)
    assert echo.batches == [[1]]
    echo.gate.set()
    assert await asyncio.gather(first, *rest) == [10, 20, 30, 40, 50, 60]
    assert echo.batches == [[1], [2, 3, 4], [5, 6]]


async def test_callers_who_ask_again_at_once_are_served() -> None:
    """An answer wakes its caller before the lane has noticed that it is idle."""
    lane = Lane(Echo(), batch_max=2, queue_max=10)

    async def ask_often() -> None:
        for number in range(50):
            assert await lane.put(number) == number * 10

    await asyncio.wait_for(asyncio.gather(*(ask_often() for _ in range(3))), timeout=5)


async def test_a_cancelled_caller_spoils_nobody_elses_answer() -> None:
    echo = Echo()
    lane = Lane(echo, batch_max=10, queue_max=100)
    echo.gate.clear()

    async def ask(number: int) -> int:
        return await lane.put(number)

    flying = [asyncio.create_task(ask(number)) for number in (1, 2)]
    await asyncio.sleep(0.01)
    waiting = [asyncio.create_task(ask(number)) for number in (3, 4)]
    await asyncio.sleep(0.01)
    flying[0].cancel()
    waiting[0].cancel()
    await asyncio.sleep(0)
    echo.gate.set()
    assert await flying[1] == 20
    assert await waiting[1] == 40
    assert echo.batches == [[1, 2], [4]]
    assert await ask(5) == 50


async def test_an_error_goes_to_its_batch_and_the_lane_lives_on() -> None:
    lane = Lane(Echo(), batch_max=2, queue_max=100)
    answers = await asyncio.gather(*(lane.put(number) for number in (-1, 1, 2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable, int]
    assert await lane.put(3) == 30


async def test_a_full_queue_refuses() -> None:
    echo = Echo()
    lane = Lane(echo, batch_max=1, queue_max=2)
    echo.gate.clear()
    flying = lane.put(1)
    await asyncio.sleep(0.01)
    waiting = [lane.put(2), lane.put(3)]
    with pytest.raises(Overloaded):
        lane.put(4)
    echo.gate.set()
    assert await asyncio.gather(flying, *waiting) == [10, 20, 30]


async def test_as_many_calls_run_as_are_allowed() -> None:
    echo = Echo()
    lane = Lane(echo, batch_max=1, queue_max=10, parallel=2)
    echo.gate.clear()
    futures = [lane.put(number) for number in range(3)]
    await asyncio.sleep(0.01)
    assert echo.batches == [[0], [1]]
    echo.gate.set()
    assert await asyncio.gather(*futures) == [0, 10, 20]


async def test_closing_refuses_whoever_waits() -> None:
    echo = Echo()
    lane = Lane(echo, batch_max=1, queue_max=10)
    echo.gate.clear()
    futures = [lane.put(number) for number in range(2)]
    await asyncio.sleep(0.01)
    await lane.close()
    answers = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Overloaded, Overloaded]
