"""One question per shard for all who ask at once; callers come and go without hurting each other."""

import asyncio
from typing import Any

import pytest

from actors.session_routes import RoutedSessions
from cluster.errors import OAuthError, Unavailable
from cluster.settings import Sessions, Settings
from cluster.sharding import assign, slot_of


class Shards:
    """Records calls; answers that even sessions are alive. `broken`: how many calls fail first."""

    def __init__(self, *, broken: int = 0) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.broken = broken
        self.gate = asyncio.Event()
        self.gate.set()

    async def call(self, shard: str, method: str, *_: Any, timeout_s: float, **arguments: Any) -> Any:
        assert timeout_s > 0
        self.calls.append((shard, method, arguments))
        await self.gate.wait()
        if self.broken:
            self.broken -= 1
            raise Unavailable
        if method == "live":
            return [identifier % 2 == 0 for identifier in arguments["session_ids"]]
        return None


def routes(shards: Shards, *, count: int = 1) -> RoutedSessions:
    return RoutedSessions(shards, settings=Settings(sessions=Sessions(shards=count)))


async def test_what_is_asked_at_once_is_one_question() -> None:
    shards = Shards()
    sessions = routes(shards)
    answers = await asyncio.gather(*(sessions.live(session_ids=[one, one + 1]) for one in (1, 4)))
    assert answers == [[False, True], [True, False]]
    assert [arguments["session_ids"] for _, _, arguments in shards.calls] == [[1, 2, 4, 5]]


async def test_callers_that_go_away_leave_the_others_their_answers() -> None:
    shards = Shards()
    shards.gate.clear()
    sessions = routes(shards)
    tasks = [asyncio.ensure_future(sessions.live(session_ids=[2])) for _ in range(6)]
    await asyncio.sleep(0.01)
    for task in tasks[:3]:
        task.cancel()
    await asyncio.sleep(0)
    shards.gate.set()
    assert await asyncio.gather(*tasks[3:]) == [[True]] * 3
    assert await sessions.live(session_ids=[4]) == [True]


async def test_a_question_is_asked_twice_and_then_fails_for_all() -> None:
    assert await routes(Shards(broken=1)).live(session_ids=[2]) == [True]
    sessions = routes(Shards(broken=2))
    answers = await asyncio.gather(
        *(sessions.live(session_ids=[one]) for one in (2, 3)), return_exceptions=True
    )
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert await sessions.live(session_ids=[2]) == [True]


async def test_a_write_is_asked_once() -> None:
    shards = Shards(broken=1)
    with pytest.raises(Unavailable):
        await routes(shards).revoke(session_ids=[2], reason="x")
    assert len(shards.calls) == 1


async def test_ending_sessions_is_one_call_per_shard() -> None:
    shards = Shards()
    await routes(shards, count=3).revoke(session_ids=range(1, 200), reason="x")
    owners = assign([f"sessions-{number}" for number in range(3)])
    assert len(shards.calls) == 3
    for shard, method, arguments in shards.calls:
        assert method == "revoke"
        assert all(owners[slot_of(identifier)] == shard for identifier in arguments["session_ids"])
    assert sum(len(arguments["session_ids"]) for _, _, arguments in shards.calls) == 199


async def test_a_refresh_token_that_names_no_session_asks_nobody() -> None:
    shards = Shards()
    with pytest.raises(OAuthError):
        await routes(shards).refresh(refresh_token="nonsense", app_id=1)
    assert shards.calls == []
