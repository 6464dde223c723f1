"""Who may meet a status, anywhere: one table, checked against every place where a status can turn up.

A secret is a status with a word that nothing else has. "Shown" means that the word is in an answer.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.api.streams import open_gateway, until
from tests.api.world import Person, World

WORD = "xyzzy"
TAG = "hushhush"
ROLES = ("author", "follower", "mentioned", "stranger", "nobody", "former", "removed", "blocked", "blocker")
SIGNED_IN = tuple(role for role in ROLES if role != "nobody")

# former: unfollowed; removed: put out by the author; blocked: by the author; blocker: blocks the author.
# All of them followed when the status was posted, and had read it.
SEES = {
    "public": {"author", "follower", "mentioned", "stranger", "nobody", "former", "removed"},
    "unlisted": {"author", "follower", "mentioned", "stranger", "nobody", "former", "removed"},
    "private": {"author", "follower", "mentioned"},
    "direct": {"author", "mentioned"},
}
# By its address, a status of somebody whom one blocks can be read (as Mastodon: to take the block back).
BY_ADDRESS_TOO = {"public": {"blocker"}, "unlisted": {"blocker"}, "private": set(), "direct": set()}


@dataclass(slots=True)
class Scene:
    """An author with a secret, and people in every relation to it."""

    client: httpx.AsyncClient
    people: dict[str, Person]
    secret: dict[str, Any]
    parent: dict[str, Any]
    lists: dict[str, str]

    def headers(self, role: str) -> dict[str, str]:
        return {} if role == "nobody" else self.people[role].headers

    async def get(self, role: str, path: str, **params: Any) -> httpx.Response:
        return await self.client.get(f"/api/{path}", headers=self.headers(role), params=params)

    async def post(self, role: str, path: str, **data: Any) -> httpx.Response:
        return await self.client.post(f"/api/v1/{path}", headers=self.headers(role), json=data)

    def places(self, role: str) -> list[tuple[str, dict[str, Any]]]:
        """Every address under which somebody could look for the secret."""
        secret, author = self.secret["id"], self.people["author"].id
        open_places: list[tuple[str, dict[str, Any]]] = [
            (f"v1/statuses/{secret}", {}),
            (f"v1/statuses/{secret}/context", {}),
            (f"v1/statuses/{secret}/history", {}),
            (f"v1/statuses/{self.parent['id']}/context", {}),
            ("v1/statuses", {"id[]": [secret]}),
            *((f"v1/accounts/{author}/statuses", filters) for filters in FILTERS),
            ("v1/timelines/public", {}),
            ("v1/timelines/public", {"local": "true", "only_media": "true"}),
            (f"v1/timelines/tag/{TAG}", {}),
            ("v2/search", {"q": WORD}),
        ]
        if role == "nobody":
            return open_places
        return [
            *open_places,
            ("v1/timelines/home", {}),
            ("v1/timelines/home", {"min_id": str(int(secret) - 1)}),
            ("v1/timelines/home", {"max_id": str(int(secret) + 1)}),
            (f"v1/timelines/list/{self.lists[role]}", {}),
            ("v1/notifications", {}),
            ("v1/conversations", {}),
            ("v1/favourites", {}),
            ("v1/bookmarks", {}),
            (f"v1/statuses/{secret}/source", {}),
            ("v2/search", {"q": self.secret["url"], "resolve": "true"}),
            ("v2/search", {"q": self.secret["uri"], "type": "statuses"}),
        ]

    async def shown(self, role: str) -> set[str]:
        """The addresses whose answers have the secret."""
        places = self.places(role)
        answers = [await self.get(role, path, **params) for path, params in places]
        for (path, _), answer in zip(places, answers, strict=True):
            assert answer.status_code in (200, 401, 403, 404), (path, answer.text)
        return {
            path
            for (path, _), answer in zip(places, answers, strict=True)
            if WORD in answer.text.replace(f"q={WORD}", "")
        }


FILTERS: Sequence[dict[str, str]] = (
    {},
    {"pinned": "true"},
    {"only_media": "true"},
    {"exclude_replies": "true"},
    {"tagged": TAG},
)


async def ok(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    return dict(response.json())


async def set_scene(client: httpx.AsyncClient, world: World, *, visibility: str, reply: bool) -> Scene:
    people = {role: await world.person(role) for role in SIGNED_IN}
    scene = Scene(client, people, {}, {}, {})
    author = people["author"]
    fans = [role for role in SIGNED_IN if role not in ("author", "mentioned", "stranger")]
    for role in fans:
        await ok(await scene.post(role, f"accounts/{author.id}/follow"))
    for role in SIGNED_IN:
        made = await ok(await scene.post(role, "lists", title="list"))
        scene.lists[role] = made["id"]
        if role in fans:
            await ok(await scene.post(role, f"lists/{made['id']}/accounts", account_ids=[author.id]))
    scene.parent = await ok(await scene.post("author", "statuses", status="harmless"))
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    media = await ok(
        await client.post("/api/v2/media", headers=author.headers, files={"file": ("x.png", file.getvalue())})
    )
    scene.secret = await ok(
        await scene.post(
            "author",
            "statuses",
            status=f"@mentioned {WORD} #{TAG}",
            visibility=visibility,
            media_ids=[media["id"]],
            in_reply_to_id=scene.parent["id"] if reply else None,
        )
    )
    if visibility != "direct":
        await ok(await scene.post("author", f"statuses/{scene.secret['id']}/pin"))
        await ok(await scene.post("author", f"statuses/{scene.secret['id']}/reblog", visibility=visibility))
    return scene


async def part(scene: Scene, *, read_before: bool) -> None:
    """Former friends read, react, and part."""
    author, secret = scene.people["author"].id, scene.secret["id"]
    for role in ("former", "removed", "blocked", "blocker"):
        if read_before:
            await scene.shown(role)
            for act in ("favourite", "bookmark"):
                await scene.post(role, f"statuses/{secret}/{act}")
    await ok(await scene.post("former", f"accounts/{author}/unfollow"))
    await ok(await scene.post("author", f"accounts/{scene.people['removed'].id}/remove_from_followers"))
    await ok(await scene.post("author", f"accounts/{scene.people['blocked'].id}/block"))
    await ok(await scene.post("blocker", f"accounts/{author}/block"))


@pytest.mark.parametrize("reply", [False, True], ids=["post", "reply"])
@pytest.mark.parametrize("visibility", list(SEES))
async def test_a_secret_turns_up_only_where_its_readers_look(
    client: httpx.AsyncClient, world: World, visibility: str, reply: bool
) -> None:
    scene = await set_scene(client, world, visibility=visibility, reply=reply)
    await part(scene, read_before=True)
    address = f"v1/statuses/{scene.secret['id']}"
    for role in ROLES:  # at once: no cache has had time to hear of the partings
        found = await scene.shown(role)
        if role in BY_ADDRESS_TOO[visibility]:
            found = {path for path in found if not path.startswith("v1/statuses") and path != "v2/search"}
            assert not found & {"v1/timelines/home", "v1/timelines/public", "v1/notifications"}, role
        elif role in SEES[visibility]:
            assert address in found, role
            assert role != "mentioned" or "v1/notifications" in found
            assert role != "follower" or "v1/timelines/home" in found
        else:
            assert not found, role


@pytest.mark.parametrize("visibility", ["private", "direct"])
async def test_nobody_acts_on_what_they_may_not_see(
    client: httpx.AsyncClient, world: World, visibility: str
) -> None:
    scene = await set_scene(client, world, visibility=visibility, reply=False)
    await part(scene, read_before=True)
    secret = scene.secret["id"]
    before = (await ok(await scene.get("author", f"v1/statuses/{secret}")))["favourites_count"]
    for role in set(SIGNED_IN) - SEES[visibility]:
        for act in ("favourite", "unfavourite", "reblog", "bookmark", "pin", "mute", "unpin"):
            answer = await scene.post(role, f"statuses/{secret}/{act}")
            assert answer.status_code == 404, (role, act, answer.text)
        for path in ("favourited_by", "reblogged_by", "source", "history"):
            assert (await scene.get(role, f"v1/statuses/{secret}/{path}")).status_code == 404
        reply = await scene.post(role, "statuses", status="oh", in_reply_to_id=secret)
        assert reply.status_code in (404, 422), role
        headers = scene.headers(role)
        assert (await client.delete(f"/api/v1/statuses/{secret}", headers=headers)).status_code == 404
        edit = await client.put(f"/api/v1/statuses/{secret}", headers=headers, json={"status": "mine"})
        assert edit.status_code == 404
    after = await ok(await scene.get("author", f"v1/statuses/{secret}"))
    assert (after["favourites_count"], after["replies_count"]) == (before, 0)


@pytest.mark.parametrize("visibility", list(SEES))
async def test_a_deleted_secret_is_nowhere(client: httpx.AsyncClient, world: World, visibility: str) -> None:
    scene = await set_scene(client, world, visibility=visibility, reply=True)
    await part(scene, read_before=True)
    for role in ("follower", "mentioned"):
        await scene.post(role, f"statuses/{scene.secret['id']}/favourite")
        await scene.post(role, f"statuses/{scene.secret['id']}/bookmark")
        await scene.shown(role)
    author = scene.headers("author")
    assert (await client.delete(f"/api/v1/statuses/{scene.secret['id']}", headers=author)).status_code == 200
    for role in ROLES:
        assert not await scene.shown(role), role


async def test_others_cannot_pass_a_private_post_on(client: httpx.AsyncClient, world: World) -> None:
    scene = await set_scene(client, world, visibility="private", reply=False)
    stranger = scene.people["stranger"]
    await ok(
        await client.post(f"/api/v1/accounts/{scene.people['follower'].id}/follow", headers=stranger.headers)
    )
    answer = await scene.post("follower", f"statuses/{scene.secret['id']}/reblog")
    assert answer.status_code in (403, 404, 422)
    await ok(await scene.post("follower", f"statuses/{scene.secret['id']}/favourite"))
    reply = await ok(
        await scene.post("follower", "statuses", status="agreed", in_reply_to_id=scene.secret["id"])
    )
    assert not await scene.shown("stranger")
    context = await ok(await scene.get("stranger", f"v1/statuses/{reply['id']}/context"))
    assert context["ancestors"] == []


async def test_an_edit_tells_only_those_who_may_see_it(client: httpx.AsyncClient, world: World) -> None:
    scene = await set_scene(client, world, visibility="public", reply=False)
    hidden = await ok(await scene.post("author", "statuses", status="draft", visibility="private"))
    await ok(await scene.post("former", f"statuses/{hidden['id']}/favourite"))
    await part(scene, read_before=False)
    headers = scene.headers("author")
    await ok(
        await client.put(
            f"/api/v1/statuses/{hidden['id']}", headers=headers, json={"status": f"@stranger {WORD}2"}
        )
    )
    for role in ("former", "removed", "blocked", "blocker", "nobody"):
        answer = await scene.get(role, f"v1/statuses/{hidden['id']}")
        assert answer.status_code == 404, role
        if role != "nobody":
            for path in ("v1/notifications", "v1/timelines/home"):
                assert f"{WORD}2" not in (await scene.get(role, path)).text, (role, path)


async def test_streams_carry_a_secret_to_its_readers_only(client: httpx.AsyncClient, world: World) -> None:
    scene = await set_scene(client, world, visibility="unlisted", reply=False)
    await part(scene, read_before=False)
    tag = {"stream": "hashtag", "tag": TAG}
    heard: dict[str, set[str]] = {role: set() for role in ROLES}

    async def listen(role: str, messages: AsyncIterator[str | bytes]) -> None:
        async for message in messages:
            heard[role].update(one for one in SEES if f"{WORD}-{one}" in str(message))

    async with open_gateway(world) as gateway, AsyncExitStack() as stack:
        tasks = []
        for role in ROLES:
            person = scene.people.get(role)
            streams: list[Any] = ["public", "public:local", tag]
            if person:
                lists = {"stream": "list", "list": scene.lists[role]}
                streams += ["user", "user:notification", "direct", lists]
            reader = await stack.enter_async_context(gateway.reader(person, *streams))
            tasks.append(asyncio.create_task(listen(role, aiter(reader.connection))))
        for visibility in SEES:
            await scene.post(
                "author", "statuses", status=f"@mentioned {WORD}-{visibility} #{TAG}", visibility=visibility
            )
        await until(lambda: "direct" in heard["mentioned"] and "private" in heard["follower"])
        await asyncio.sleep(0.4)  # longer than the sweep that would bring what is late
        for task in tasks:
            task.cancel()
    public = {"public"}
    assert heard["author"] == {"public", "unlisted", "private", "direct"}
    assert heard["mentioned"] == {"public", "unlisted", "private", "direct"}
    assert heard["follower"] == {"public", "unlisted", "private"}
    assert heard["nobody"] == heard["stranger"] == heard["former"] == heard["removed"] == public
    assert heard["blocked"] == heard["blocker"] == set()
