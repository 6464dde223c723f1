"""The pages for people with a browser: what they show, to whom, and that nothing in them can run."""

import re

import httpx
import lxml.html
import pytest

from api.actions import reactions
from tests.api.streams import follow, post
from tests.api.world import World


async def test_the_root_shows_what_everybody_may_see(world: World, client: httpx.AsyncClient) -> None:
    alice, _bob = await world.people("alice", "bob")
    await post(world.context, alice, "for everybody #cats")
    await post(world.context, alice, "for followers", visibility="private")
    await post(world.context, alice, "@bob for you", visibility="direct")
    await post(world.context, alice, "not in timelines", visibility="unlisted")
    page = await client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "for everybody" in page.text
    for hidden in ("for followers", "for you", "not in timelines"):
        assert hidden not in page.text
    assert 'data-stream="/api/v1/streaming/public"' in page.text
    assert 'href="/auth/sign_in?return_to=/"' in page.text
    assert 'href="/docs"' in page.text


async def test_an_empty_server_has_a_page_too(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert page.status_code == 200
    assert "Nobody has posted in public yet." in page.text


@pytest.mark.parametrize("path", ["/", "/docs", "/@alice", "/tags/cats", "/@nobody"])
async def test_pages_load_nothing_from_elsewhere_and_run_nothing_inline(
    world: World, client: httpx.AsyncClient, path: str
) -> None:
    alice = await world.person("alice")
    await post(world.context, alice, "<script>alert(1)</script> #cats <img src=x onerror=alert(1)>")
    page = await client.get(path)
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    elements = list(lxml.html.fromstring(page.text).iter())
    assert not [e for e in elements if e.tag == "style" or (e.tag == "script" and not e.get("src"))]
    assert not [name for e in elements for name in e.attrib if name.startswith("on") or name == "style"]
    loaded = [e.get("src") or e.get("href") for e in elements if e.tag in ("script", "link", "img")]
    loaded = [address for address in loaded if address]  # a template's picture has none yet
    assert loaded
    origin = world.context.settings.public_url
    assert all(address.startswith(("/", f"{origin}/")) for address in loaded)


async def test_assets_are_named_by_their_content(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    addresses = set(re.findall(r'"(/assets/[^"]+)"', page.text))
    assert {address.split("?")[0] for address in addresses} == {
        "/assets/site.css",
        "/assets/site.js",
        "/assets/icon.svg",
    }
    for address in addresses:
        answer = await client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "cache-control" not in (await client.get("/assets/site.css?v=old")).headers
    assert (await client.get("/assets/..%2fhome.html")).status_code == 404
    assert (await client.get("/assets/unknown.js")).status_code == 404


async def test_a_profile_shows_public_posts_and_the_way_to_older_ones(
    world: World, client: httpx.AsyncClient
) -> None:
    alice, bob = await world.people("alice", "bob")
    for number in range(25):
        await post(world.context, alice, f"number {number} here")
    await post(world.context, alice, "for followers", visibility="private")
    await post(world.context, alice, "unlisted is for visitors", visibility="unlisted")
    first = await post(world.context, bob, "bob says this")
    await reactions.reblog(
        world.context, account_id=alice.account_id, status_id=first, visibility=None, app_id=None
    )
    page = await client.get("/@ALICE")
    assert page.status_code == 200
    assert "for followers" not in page.text
    assert "unlisted is for visitors" in page.text
    assert "Reposted by" in page.text
    older = re.search(r'href="(/@alice\?max_id=\d+)"', page.text)
    assert older
    second = await client.get(older.group(1))
    texts = re.findall(r"number (\d+) here", page.text) + re.findall(r"number (\d+) here", second.text)
    assert [int(text) for text in texts] == list(range(24, -1, -1))


async def test_a_post_has_a_page_with_its_thread(world: World, client: httpx.AsyncClient) -> None:
    alice, bob = await world.people("alice", "bob")
    await follow(world.context, bob, alice)
    first = await post(world.context, alice, "the question")
    second = await post(world.context, bob, "the answer", in_reply_to_id=first)
    await post(world.context, alice, "@bob whispered", in_reply_to_id=second, visibility="direct")
    page = await client.get(f"/@bob/{second}")
    assert page.status_code == 200
    assert page.text.index("the question") < page.text.rindex("the answer")
    assert "whispered" not in page.text
    assert f"{world.context.settings.public_url}/@bob/{second}" in page.text
    assert (await client.get(f"/users/bob/statuses/{second}")).headers["location"] == f"/@bob/{second}"
    assert (await client.get("/users/bob")).headers["location"] == "/@bob"


async def test_what_is_not_for_everybody_has_no_page(world: World, client: httpx.AsyncClient) -> None:
    alice, bob = await world.people("alice", "bob")
    private = await post(world.context, alice, "for followers", visibility="private")
    public = await post(world.context, alice, "for everybody")
    paths = [
        f"/@alice/{private}",
        f"/@bob/{public}",
        "/@alice/1",
        "/@alice/x",
        "/@nobody",
        f"/@alice/{2**70}",
    ]
    for path in paths:
        page = await client.get(path, headers=bob.headers)
        assert page.status_code == 404, path
        assert "Nothing is here" in page.text
        assert "for followers" not in page.text
    assert (await client.get("/@alice?max_id=nonsense")).status_code == 422


async def test_a_hashtag_page_moves_with_its_stream(world: World, client: httpx.AsyncClient) -> None:
    alice = await world.person("alice")
    await post(world.context, alice, "about #Cats")
    await post(world.context, alice, "about dogs")
    page = await client.get("/tags/cats")
    assert "about" in page.text
    assert "dogs" not in page.text
    assert 'data-stream="/api/v1/streaming/hashtag?tag=cats"' in page.text
    odd = await client.get("/tags/%22%3E%3Cb%3E")
    assert odd.status_code == 200
    assert '"><b>' not in odd.text


async def test_the_reference_names_every_method(world: World, client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    document = (await client.get("/api/openapi.json")).json()
    assert len(document["paths"]) > 50
    for path in document["paths"]:
        assert f"<code>{path}</code>" in page.text
    assert "/api/v1/streaming/user/notification" in page.text
    assert "4410" in page.text


async def test_who_is_signed_in_is_shown_and_can_leave(world: World, client: httpx.AsyncClient) -> None:
    await world.person("alice")
    form = await client.get("/auth/sign_in?return_to=/")
    token = re.search(r'name="form_token" value="([^"]+)"', form.text)
    assert token
    signed = await client.post(
        "/auth/sign_in",
        data={
            "form_token": token.group(1),
            "username": "alice@example.org",
            "password": "correct horse battery",
            "return_to": "/",
        },
    )
    assert signed.status_code in (302, 303)
    page = await client.get("/")
    assert 'href="/@alice"' in page.text
    leaving = re.search(r'action="/auth/sign_out">\s*<input[^>]*name="form_token" value="([^"]+)"', page.text)
    assert leaving
    await client.post("/auth/sign_out", data={"form_token": leaving.group(1), "return_to": "/"})
    assert 'href="/auth/sign_in?return_to=/"' in (await client.get("/")).text
