"""A person in a real browser signs in, agrees to an application, and signs out, under the pages' policy."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx
import pytest

from tests.api.conftest import LiveServer
from tests.api.world import Person
from tests.clients.browser import Tab, chromium
from tests.clients.test_web_page import there

HERE = "location.pathname"


@pytest.fixture
async def tab() -> AsyncIterator[Tab]:
    async with chromium() as tab:
        yield tab


async def press(tab: Tab, selector: str, *, until: str) -> None:
    """Click, and wait for what it leads to."""
    await tab.ask(f"document.querySelector({selector!r}).click()")
    await tab.until(f"document.readyState === 'complete' && ({until})")


async def sign_in(tab: Tab, *, username: str, password: str, until: str) -> None:
    for field, text in (("username", username), ("password", password)):
        await tab.ask(f"document.getElementById({field!r}).value = {text!r}")
    await press(tab, "form[action='/auth/sign_in'] button", until=until)


async def test_a_person_signs_in_from_the_root_page_and_out_again(live_server: LiveServer, tab: Tab) -> None:
    alice: Person = await there(live_server, live_server.world.person("alice"))
    await tab.open(live_server.url)
    await press(tab, "a[href^='/auth/sign_in']", until=f"{HERE} === '/auth/sign_in'")
    refused = "document.querySelector('[role=alert]')"
    await sign_in(tab, username="alice", password="a wrong one", until=refused)
    assert await tab.ask(f"{refused}.innerText")
    await sign_in(tab, username="alice", password=alice.password, until=f"{HERE} === '/'")
    assert "alice" in await tab.ask("document.body.innerText")
    assert await tab.ask("document.cookie") == ""  # scripts cannot read the session
    await press(
        tab,
        "form[action='/auth/sign_out'] button",
        until="document.querySelector(\"a[href^='/auth/sign_in']\")",
    )
    # The refused password was an answer with an error's status; nothing else went wrong.
    assert [problem for problem in tab.problems if "status of 4" not in problem] == []


async def test_a_person_lets_an_application_in(live_server: LiveServer, tab: Tab) -> None:
    bob: Person = await there(live_server, live_server.world.person("bob"))
    async with httpx.AsyncClient(base_url=live_server.url) as client:
        app = {"client_name": "Kites & <b>", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob", "scopes": "read"}
        made = (await client.post("/api/v1/apps", json=app)).json()
        ask = {"client_id": made["client_id"], "redirect_uri": app["redirect_uris"], "response_type": "code"}
        await tab.open(f"{live_server.url}/oauth/authorize?{urlencode({**ask, 'scope': 'read'})}")
        consent = f"{HERE} === '/oauth/authorize'"
        await sign_in(tab, username="bob@example.org", password=bob.password, until=consent)
        assert "Kites & <b>" in await tab.ask("document.querySelector('h1').innerText")
        await press(tab, "button[value=allow]", until="document.querySelector('code')")
        grant = {**ask, "client_secret": made["client_secret"], "grant_type": "authorization_code"}
        code = await tab.ask("document.querySelector('code').innerText")
        token = (await client.post("/oauth/token", data={**grant, "code": code})).json()["access_token"]
        me = await client.get(
            "/api/v1/accounts/verify_credentials", headers={"Authorization": f"Bearer {token}"}
        )
    assert me.json()["username"] == "bob"
    assert tab.problems == []
