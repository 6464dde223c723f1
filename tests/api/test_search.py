"""Search over HTTP: people, statuses that the caller may see, hashtags, and addresses of this server."""

from typing import Any

import httpx

from tests.api.test_notifications import post
from tests.api.test_relations import act
from tests.api.world import Person, World


async def find(client: httpx.AsyncClient, who: Person | None, **params: Any) -> dict[str, list[str]]:
    headers = who.headers if who else {}
    response = await client.get("/api/v2/search", params=params, headers=headers)
    assert response.status_code == 200, response.text
    answer = response.json()
    return {
        "accounts": [one["acct"] for one in answer["accounts"]],
        "statuses": [one["id"] for one in answer["statuses"]],
        "hashtags": [one["name"] for one in answer["hashtags"]],
    }


NOTHING: dict[str, list[str]] = {"accounts": [], "statuses": [], "hashtags": []}


async def test_an_exact_name_is_found_even_across_a_block(client: httpx.AsyncClient, world: World) -> None:
    alice, _, bobby = await world.people("alice", "bob", "bobby")
    await act(client, alice, "block", bobby)
    domain = world.context.settings.domain
    for text in ("bobby", "@bobby", f"bobby@{domain}", f"@BOBBY@{domain}"):
        assert (await find(client, alice, q=text, type="accounts"))["accounts"] == ["bobby"]
    assert (await find(client, None, q="bob"))["accounts"][0] == "bob"


async def test_words_find_only_statuses_that_the_caller_may_see(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    public = await post(client, bob, "A Raspberry pie for everybody")
    private = await post(client, bob, "raspberry pie for followers", visibility="private")
    direct = await post(client, bob, "@alice raspberry pie", visibility="direct")
    own = await post(client, alice, "my raspberry pie", visibility="private")
    assert (await find(client, alice, q="raspberry pie"))["statuses"] == [
        own["id"],
        direct["id"],
        public["id"],
    ]
    assert (await find(client, carol, q="PIE raspberry"))["statuses"] == [public["id"]]
    assert (await find(client, carol, q="raspberry followers"))["statuses"] == []
    assert (await find(client, None, q="raspberry"))["statuses"] == []
    only_bob = await find(client, alice, q="raspberry", account_id=bob.id, type="statuses")
    assert only_bob["statuses"] == [direct["id"], public["id"]]
    assert (await find(client, alice, q="raspberry", type="statuses", offset=2))["statuses"] == [public["id"]]
    await act(client, bob, "block", carol)
    assert (await find(client, carol, q="raspberry"))["statuses"] == []
    assert private["id"] not in str(await find(client, carol, q="%"))


async def test_hashtags_are_found_by_how_they_begin(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    await post(client, alice, "#Caturday and #cats")
    await post(client, alice, "#caturday again")
    await post(client, alice, "a secret #cathedral", visibility="private")
    found = (await client.get("/api/v2/search?q=%23CAT", headers=alice.headers)).json()
    assert [one["name"].lower() for one in found["hashtags"]] == ["cats", "caturday", "cathedral"]
    assert found["accounts"] == []
    caturday = found["hashtags"][1]
    assert caturday["following"] is False
    assert caturday["url"] == f"{world.context.settings.public_url}/tags/caturday"
    assert len(caturday["history"]) == 7
    assert (caturday["history"][0]["uses"], caturday["history"][0]["accounts"]) == ("2", "1")
    assert found["hashtags"][2]["history"][0]["uses"] == "0"
    shown = await client.get("/api/v1/tags/CATURDAY", headers=alice.headers)
    assert shown.json() == caturday
    unknown = (await client.get("/api/v1/tags/never_used")).json()
    assert (unknown["name"], unknown["history"][0]["uses"]) == ("never_used", "0")


async def test_what_is_no_hashtag_is_not_found(client: httpx.AsyncClient, world: World) -> None:
    for name in ("123", "a b", "!", "%23", "a-b", "_"):
        assert (await client.get(f"/api/v1/tags/{name}")).status_code == 404


async def test_addresses_of_this_server_lead_to_what_they_name(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob = await world.people("alice", "bob")
    status = await post(client, bob, "hello")
    private = await post(client, bob, "psst", visibility="private")
    base = world.context.settings.public_url
    for url in (f"{base}/@bob", f"{base}/users/bob", f"{base}/@BOB/"):
        assert (await find(client, alice, q=url, resolve="true")) == NOTHING | {"accounts": ["bob"]}
    for url in (status["url"], status["uri"]):
        assert (await find(client, alice, q=url)) == NOTHING | {"statuses": [status["id"]]}
        assert (await find(client, alice, q=url, type="accounts")) == NOTHING
    for url in (
        private["url"],
        f"{base}/@nobody",
        f"{base}/@bob/99",
        f"{base}/about",
        "https://elsewhere.example/@bob",
        f"{base}.elsewhere.example/@bob",
    ):
        assert (await find(client, alice, q=url)) == NOTHING


WRONG = [
    ("", 422),
    ("q=", 422),
    ("q=%20", 422),
    ("q=a&type=people", 422),
    ("q=a&limit=many", 422),
    ("q=a&offset=-1", 422),
    ("q=a&offset=99999999999999999999", 422),
    ("q=a&max_id=x", 422),
    ("q=a%00", 400),
    ("q=%ff", 400),
]


async def test_wrong_searches_are_refused(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for query, status in WRONG:
        response = await client.get(f"/api/v2/search?{query}", headers=alice.headers)
        assert response.status_code == status, query


async def test_strange_texts_find_nothing_and_break_nothing(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for text in ("'; DROP TABLE accounts; --", "\\", "%%%", "___", "@", "#", "@@", "x" * 5000, "🦊" * 300):
        assert (await find(client, alice, q=text)) == NOTHING


async def test_strangers_cannot_page_or_resolve(client: httpx.AsyncClient, world: World) -> None:
    for extra in ("offset=1", "resolve=1"):
        assert (await client.get(f"/api/v2/search?q=a&{extra}")).status_code == 401
