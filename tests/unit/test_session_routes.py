"""One question per shard for all who ask at once; callers come and go without hurting each other."""

import asyncio
from typing import Any

import pytest

from actors.session_routes import LiveAsker, RoutedSessions
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

    async def __call__(self, shard: str, method: str, arguments: dict[str, Any]) -> Any:
        self.calls.append((shard, method, arguments))
        await self.gate.wait()
        if self.broken:
            self.broken -= 1
            raise Unavailable
        if method == "live":
            return [identifier % 2 == 0 for identifier in arguments["session_ids"]]
        return None


async def test_what_is_asked_at_once_is_one_question() -> None:
    shards = Shards()
    asker = LiveAsker("s", shards)
    answers = await asyncio.gather(*(asker.ask(identifier) for identifier in (1, 2, 3, 2)))
    assert answers == [False, True, False, True]
    assert [arguments["session_ids"] for _, _, arguments in shards.calls] == [[1, 2, 3]]


async def test_what_is_asked_meanwhile_waits_for_the_next_question() -> None:
    shards = Shards()
    shards.gate.clear()
    asker = LiveAsker("s", shards)
    first = asyncio.ensure_future(asker.ask(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    more = [asyncio.ensure_future(asker.ask(identifier)) for identifier in (4, 5)]
    await asyncio.sleep(0)
    assert len(shards.calls) == 1
    shards.gate.set()
    assert [await first, *[await one for one in more]] == [True, True, False]
    assert len(shards.calls) == 2


async def test_callers_that_go_away_leave_the_others_their_answers() -> None:
    shards = Shards()
    shards.gate.clear()
    asker = LiveAsker("s", shards)
    tasks = [asyncio.ensure_future(asker.ask(2)) for _ in range(6)]
    await asyncio.sleep(0)
    for task in tasks[:3]:
        task.cancel()
    await asyncio.sleep(0)
    shards.gate.set()
    assert await asyncio.gather(*tasks[3:]) == [True] * 3
    assert await asker.ask(4)


async def test_a_question_is_asked_twice_and_then_fails_for_all() -> None:
    once = Shards(broken=1)
    assert await LiveAsker("s", once).ask(2)
    twice = Shards(broken=2)
    asker = LiveAsker("s", twice)
    answers = await asyncio.gather(asker.ask(2), asker.ask(3), return_exceptions=True)
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert await asker.ask(2)


async def test_ending_sessions_is_one_call_per_shard() -> None:
    settings = Settings(sessions=Sessions(shards=3))
    shards = Shards()
    routes = RoutedSessions(settings=settings, call=shards)
    await routes.revoke(session_ids=range(1, 200), reason="x")
    owners = assign([f"sessions-{number}" for number in range(3)])
    assert len(shards.calls) == 3
    for shard, method, arguments in shards.calls:
        assert method == "revoke"
        assert all(owners[slot_of(identifier)] == shard for identifier in arguments["session_ids"])
    assert sum(len(arguments["session_ids"]) for _, _, arguments in shards.calls) == 199


async def test_a_refresh_token_that_names_no_session_asks_nobody() -> None:
    shards = Shards()
    routes = RoutedSessions(settings=Settings(), call=shards)
    with pytest.raises(OAuthError):
        await routes.refresh(refresh_token="nonsense", app_id=1)
    assert shards.calls == []
