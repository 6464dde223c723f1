"""The root page in a real browser: it moves by itself, survives a broken stream, and obeys its policy."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.actions import edits, statuses
from api.actions.edits import Changes
from api.close_codes import NEWS_LOST
from api.streaming import Streams
from tests.api.conftest import LiveServer
from tests.api.streams import post
from tests.api.world import Person
from tests.clients.browser import Tab, chromium

TEXTS = "[...document.querySelectorAll('#feed .content')].map(one => one.innerText)"


@pytest.fixture
async def tab() -> AsyncIterator[Tab]:
    async with chromium() as tab:
        yield tab


async def there(server: LiveServer, work: Any) -> Any:
    """Run where the server lives."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, server.loop))


async def test_the_public_timeline_moves_by_itself(live_server: LiveServer, tab: Tab) -> None:
    context = live_server.world.context
    alice: Person = await there(live_server, live_server.world.person("alice"))
    await there(live_server, post(context, alice, "already there"))
    await tab.open(live_server.url)
    assert await tab.ask(TEXTS) == ["already there"]
    await tab.until("document.getElementById('live').dataset.state === 'live'")

    status_id = await there(live_server, post(context, alice, "as it happens <b>&amp;</b>"))
    await tab.until(f"{TEXTS}.length === 2")
    assert await tab.ask(TEXTS) == ["as it happens <b>&amp;</b>", "already there"]
    ids = {"account_id": alice.account_id, "status_id": status_id}
    await there(live_server, edits.edit(context, **ids, to=Changes("edited", spoiler_text="careful")))
    await tab.until("document.querySelector('#feed .warning summary')?.innerText === 'careful'")
    await there(live_server, statuses.delete(context, **ids, delete_media=False))
    await tab.until(f"{TEXTS}.length === 1")
    assert tab.problems == []


async def test_what_was_missed_while_the_stream_was_broken_is_fetched(
    live_server: LiveServer, tab: Tab
) -> None:
    context = live_server.world.context
    bob: Person = await there(live_server, live_server.world.person("bob"))
    await tab.open(live_server.url)
    await tab.until("document.getElementById('live').dataset.state === 'live'")
    hub = next(one._hub for one in context.inbox._listeners if isinstance(one, Streams))

    async def break_streams() -> None:
        for connection in list(hub.connections):
            hub.close(connection, NEWS_LOST)

    await there(live_server, break_streams())
    await tab.until("document.getElementById('live').dataset.state === 'waiting'")
    await there(live_server, post(context, bob, "while you were away"))
    await tab.until(f"{TEXTS}[0] === 'while you were away'")
    await there(live_server, post(context, bob, "and now"))
    await tab.until(f"{TEXTS}[0] === 'and now'")


async def test_the_reference_finds_methods(live_server: LiveServer, tab: Tab) -> None:
    await tab.open(f"{live_server.url}/docs")
    await tab.ask("find.value = 'get timelines home'; find.dispatchEvent(new Event('input'))")
    shown = "[...document.querySelectorAll('.operation:not([hidden]) code')].map(one => one.innerText)"
    assert await tab.ask(shown) == ["/api/v1/timelines/home"]
    assert tab.problems == []


async def test_pages_fit_a_telephone(live_server: LiveServer, tab: Tab) -> None:
    for path in ("/", "/docs", "/@nothing"):
        await tab.open(live_server.url + path, width=360)
        assert await tab.ask("document.documentElement.scrollWidth <= 360"), path
