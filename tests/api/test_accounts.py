"""Profiles over HTTP: reading, finding, changing; what is wrong is refused with its reason."""

import io
from typing import Any

import httpx
from PIL import Image

from tests.api.test_relations import act
from tests.api.world import Person, World


async def edit(client: httpx.AsyncClient, who: Person, **request: Any) -> httpx.Response:
    return await client.patch("/api/v1/accounts/update_credentials", headers=who.headers, **request)


async def test_the_own_account_has_source_and_role(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    response = await client.get("/api/v1/accounts/verify_credentials/", headers=alice.headers)
    account = response.json()
    assert (account["id"], account["acct"]) == (alice.id, "alice")
    assert account["source"] | {"note": "", "fields": []} == account["source"]
    assert account["source"]["privacy"] == "public"
    assert account["role"]["name"] == ""
    assert "source" not in (await client.get(f"/api/v1/accounts/{alice.id}")).json()


async def test_a_profile_is_changed_by_json(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    await world.person("Bob")
    body = {
        "display_name": "  Alice\nLiddell ",
        "note": "Down the hole with @bob & <script>alert(1)</script>\nhttps://example.org/",
        "bot": "1",
        "discoverable": "false",
        "indexable": False,
        "fields_attributes": [
            {"name": "Site", "value": "https://alice.example"},
            {"name": "", "value": ""},
        ],
        "source": {"privacy": "unlisted", "sensitive": "true", "language": "de"},
    }
    account = (await edit(client, alice, json=body)).json()
    assert account["display_name"] == "Alice Liddell"
    assert "<script" not in account["note"] and "&lt;script&gt;" in account["note"]
    assert '/@Bob"' in account["note"] and 'href="https://example.org/"' in account["note"]
    assert (account["bot"], account["discoverable"], account["indexable"]) == (True, False, False)
    assert [field["name"] for field in account["fields"]] == ["Site"]
    assert 'rel="nofollow noopener noreferrer me"' in account["fields"][0]["value"]
    source = account["source"]
    assert (source["privacy"], source["sensitive"], source["language"]) == ("unlisted", True, "de")
    assert source["fields"][0]["value"] == "https://alice.example"
    assert source["note"] == body["note"]
    preferences = (await client.get("/api/v1/preferences", headers=alice.headers)).json()
    assert preferences["posting:default:visibility"] == "unlisted"
    assert preferences["posting:default:language"] == "de"


async def test_a_profile_is_changed_by_form_and_what_is_absent_stays(
    client: httpx.AsyncClient, world: World
) -> None:
    alice = await world.person("alice")
    await edit(client, alice, json={"note": "I stay", "source": {"language": "fr"}})
    form = {
        "display_name": "",
        "fields_attributes[0][name]": "Pronouns",
        "fields_attributes[0][value]": "she/her",
        "fields_attributes[1][name]": "Tea",
        "fields_attributes[1][value]": "always",
        "source[privacy]": "private",
    }
    account = (await edit(client, alice, data=form)).json()
    assert account["display_name"] == ""
    assert account["note"] == "<p>I stay</p>"
    assert [field["name"] for field in account["fields"]] == ["Pronouns", "Tea"]
    assert (account["source"]["privacy"], account["source"]["language"]) == ("private", "fr")
    account = (await edit(client, alice, data={"source[language]": ""})).json()
    assert account["source"]["language"] is None


WRONG_PROFILES: list[tuple[dict[str, Any], str]] = [
    ({"display_name": "x" * 31}, "display_name"),
    ({"note": "x" * 501}, "note"),
    ({"fields_attributes": [{"name": str(n), "value": "x"} for n in range(5)]}, "fields"),
    ({"fields_attributes": [{"name": "x" * 256, "value": "x"}]}, "fields"),
    ({"fields_attributes": [{"name": "a", "value": "x" * 256}]}, "fields"),
    ({"fields_attributes": [{"name": "", "value": "x"}]}, "fields"),
    ({"source": {"privacy": "everybody"}}, "source.privacy"),
    ({"source": {"language": "a language of my own"}}, "source.language"),
    ({"source": "public"}, "source"),
    ({"locked": "maybe"}, "locked"),
    ({"display_name": {"a": 1}}, "display_name"),
    ({"avatar": "not a file"}, "avatar"),
]


async def test_a_wrong_profile_is_refused_whole(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for body, field in WRONG_PROFILES:
        response = await edit(client, alice, json={"bot": True, **body})
        assert response.status_code == 422, body
        assert field in response.json()["details"]
    assert (await client.get(f"/api/v1/accounts/{alice.id}")).json()["bot"] is False


async def test_profile_limits_count_what_a_reader_sees(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    link = "https://example.org/" + "x" * 600
    response = await edit(client, alice, json={"display_name": "👩‍👩‍👧" * 30, "note": link})
    assert response.status_code == 200, response.text


async def test_a_broken_body_is_a_bad_request(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    headers = alice.headers | {"Content-Type": "application/json"}
    response = await client.patch("/api/v1/accounts/update_credentials", headers=headers, content=b'{"bot":')
    assert response.status_code == 400


async def test_accounts_are_found_by_id_and_by_name(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("Alice", "bob")
    domain = world.context.settings.domain
    for acct in ("alice", "@ALICE", f"alice@{domain}", f"@Alice@{domain.upper()}"):
        response = await client.get("/api/v1/accounts/lookup", params={"acct": acct})
        assert (response.status_code, response.json()["id"]) == (200, alice.id)
    several = await client.get(
        "/api/v1/accounts", params=[("id[]", bob.id), ("id[]", "9"), ("id[]", alice.id)]
    )
    assert [one["username"] for one in several.json()] == ["bob", "Alice"]


async def test_unknown_names_and_ids_are_not_found(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for acct in ("nobody", "alice@elsewhere.example", "", "@", "x" * 3000, "%"):
        response = await client.get("/api/v1/accounts/lookup", params={"acct": acct})
        assert response.status_code == 404, acct
    for identifier in ("0", "12", "x", "9" * 25, "1.5"):
        for path in ("", "/followers", "/following"):
            response = await client.get(f"/api/v1/accounts/{identifier}{path}", headers=alice.headers)
            assert (response.status_code, response.json()["error"]) == (404, "Record not found")
    assert (await client.get("/api/v1/accounts/lookup?acct=a%00b")).status_code == 400
    assert (await client.get("/api/v1/accounts/lookup")).status_code == 422


async def test_wrong_cursors_are_refused(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for cursor in ("max_id=x", "min_id=-1", "since_id=1e9", "limit=many"):
        response = await client.get(f"/api/v1/accounts/{alice.id}/followers?{cursor}")
        assert response.status_code == 422
        assert cursor.split("=")[0] in response.json()["error"]


async def test_search_finds_the_exact_name_first_then_beginnings_then_likeness(
    client: httpx.AsyncClient, world: World
) -> None:
    me, _, _, _, _ = await world.people("me", "annabel", "ann", "anna", "johanna")

    async def found(**params: Any) -> list[str]:
        response = await client.get("/api/v1/accounts/search", params=params, headers=me.headers)
        assert response.status_code == 200, response.text
        return [one["username"] for one in response.json()]

    assert (await found(q="ann"))[0] == "ann"
    assert set(await found(q="ann")) == {"ann", "anna", "annabel", "johanna"}
    assert (await found(q="@anna"))[0] == "anna"
    assert await found(q="johana") == ["johanna"]  # one letter short
    assert await found(q="ann", limit=1, offset=1) == ["anna"]
    assert await found(q="") == await found(q="%") == await found(q="_") == []
    assert await found(q="ann@elsewhere.example") == []
    annabel = await client.get("/api/v1/accounts/lookup", params={"acct": "annabel"})
    await client.post(f"/api/v1/accounts/{annabel.json()['id']}/follow", headers=me.headers)
    assert await found(q="ann", following="true") == ["annabel"]
    wrong = await client.get("/api/v1/accounts/search?q=a&offset=-1", headers=me.headers)
    assert wrong.status_code == 422
    assert (await client.get("/api/v1/accounts/search?q=a")).status_code == 401


async def test_familiar_followers_and_suggestions_come_from_those_one_follows(
    client: httpx.AsyncClient, world: World
) -> None:
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await act(client, alice, "follow", bob)
    await act(client, bob, "follow", carol)
    response = await client.request(
        "GET", "/api/v1/accounts/familiar_followers", headers=alice.headers, json={"id": [carol.id, bob.id]}
    )
    familiar = {one["id"]: [person["username"] for person in one["accounts"]] for one in response.json()}
    assert familiar == {carol.id: ["bob"], bob.id: []}
    suggested = (await client.get("/api/v2/suggestions", headers=alice.headers)).json()
    assert [one["account"]["username"] for one in suggested] == ["carol"]
    await act(client, alice, "block", carol)
    assert (await client.get("/api/v1/suggestions", headers=alice.headers)).json() == []


async def test_the_directory_has_those_who_want_to_be_found(client: httpx.AsyncClient, world: World) -> None:
    alice, _ = await world.people("alice", "bob")
    await edit(client, alice, json={"discoverable": False})
    found = (await client.get("/api/v1/directory?order=new")).json()
    assert [one["username"] for one in found] == ["bob"]
    assert (await client.get("/api/v1/directory?order=best")).status_code == 422


def picture(width: int, height: int, color: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), color).save(buffer, "PNG")
    return buffer.getvalue()


async def test_avatar_and_header_are_uploaded_replaced_and_removed(
    client: httpx.AsyncClient, world: World
) -> None:
    alice = await world.person("alice")
    default = (await client.get(f"/api/v1/accounts/{alice.id}")).json()["avatar"]
    files = {"avatar": ("a.png", picture(800, 600, "red")), "header": ("h.png", picture(3000, 900, "blue"))}
    account = (await edit(client, alice, files=files, data={"bot": "1"})).json()
    assert account["bot"] is True
    for name, size in (("avatar", (400, 400)), ("header", (1500, 500))):
        served = await client.get(account[name])
        assert served.status_code == 200
        assert Image.open(io.BytesIO(served.content)).size == size
    replaced = (await edit(client, alice, files={"avatar": ("b.png", picture(400, 400, "green"))})).json()
    assert replaced["avatar"] != account["avatar"] and replaced["header"] == account["header"]
    assert (await client.get(account["avatar"])).status_code == 404
    removed = (await client.delete("/api/v1/profile/avatar", headers=alice.headers)).json()
    assert (removed["avatar"], removed["header"]) == (default, account["header"])
    removed = (await client.delete("/api/v1/profile/header", headers=alice.headers)).json()
    assert removed["header"] != account["header"]
    assert (await client.get(default)).headers["content-type"] == "image/png"


async def test_what_is_no_image_is_refused_and_leaves_no_object(
    client: httpx.AsyncClient, world: World
) -> None:
    alice = await world.person("alice")
    files = {"avatar": ("a.png", picture(40, 40, "red")), "header": ("h.png", b"<svg onload=alert(1)>")}
    response = await edit(client, alice, files=files, data={"bot": "1"})
    assert response.status_code == 422
    account = (await client.get(f"/api/v1/accounts/{alice.id}")).json()
    assert account["bot"] is False and account["avatar"].endswith("missing.png")
    stored = [path for path in (world.context.settings.home / "media").rglob("*") if path.is_file()]
    assert stored == []
