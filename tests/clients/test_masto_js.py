"""masto.js, unmodified from npm: from registering an app to hearing a deletion over its websocket."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.api.conftest import LiveServer
from tests.api.drivers.pages import authorize, code_shown

SCENARIO_S_MAX = 60


def drive(folder: Path, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        ["node", folder / "drive.mjs", *words],
        capture_output=True,
        text=True,
        timeout=SCENARIO_S_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_an_app_gets_a_token_for_a_person(live_server: LiveServer, javascript: Path) -> None:
    person = live_server.run(live_server.world.person("walker"))
    app = drive(javascript, "app", live_server.url)
    query = (
        f"client_id={app['clientId']}&redirect_uri=urn:ietf:wg:oauth:2.0:oob&response_type=code"
        "&scope=read+write+follow"
    )
    page = authorize(
        f"{live_server.url}/oauth/authorize?{query}", username=person.username, password=person.password
    )
    token = drive(
        javascript, "token", live_server.url, app["clientId"], app["clientSecret"], code_shown(page)
    )
    assert token["scope"] == "read write follow"
    other = live_server.run(live_server.world.person("other"))
    assert drive(javascript, "use", live_server.url, token["accessToken"], other.token)["me"] == "walker"


def test_posts_timelines_and_streams_are_understood(live_server: LiveServer, javascript: Path) -> None:
    alice = live_server.run(live_server.world.person("alice"))
    bob = live_server.run(live_server.world.person("bob"))
    saw = drive(javascript, "use", live_server.url, alice.token, bob.token)
    assert saw["domain"] == live_server.url.removeprefix("http://")
    assert saw["version"].startswith("4.5.0")
    assert saw["media"] == {"type": "image", "description": "a dot"}
    status = saw["status"]
    assert status["account"]["username"] == "alice"
    assert "/tags/masto" in status["content"]
    heard = saw["heard"]
    for stream in ("home", "public", "tag"):
        assert heard[stream]["event"] == "update"
        assert heard[stream]["payload"]["id"] == status["id"]
        assert heard[stream]["payload"]["mediaAttachments"][0]["description"] == "a dot"
    assert heard["home"]["stream"] == ["user"]
    assert heard["tag"]["stream"] == ["hashtag", "masto"]
    assert heard["notification"]["payload"]["account"]["username"] == "bob"
    assert (heard["edit"]["event"], heard["edit"]["payload"]["id"]) == ("status.update", status["id"])
    assert "Hello again" in heard["edit"]["payload"]["content"]
    assert heard["deletion"]["payload"] == status["id"]
    texts = [text for page in saw["pages"] for text in page]
    assert texts[:4] == [f"<p>number {number}</p>" for number in (3, 2, 1, 0)]
    assert len(texts) == 5
    assert all(len(page) <= 2 for page in saw["pages"])
    assert saw["notifications"] == ["favourite", "follow"]
    assert saw["found"] == ["alice"]
    assert saw["refusal"]["status"] == 422
    assert "character limit of 500" in saw["refusal"]["message"]
