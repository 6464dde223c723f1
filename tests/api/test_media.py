"""Pictures: taken in clean, described, attached, served; refused when they are none; swept if not posted."""

import io
import struct
import zlib
from typing import Any

import httpx
import pytest
from PIL import Image

from api.actions import housekeeping, media
from tests.api.world import Person, World


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photo(width: int = 800, height: int = 600) -> Image.Image:
    return Image.linear_gradient("L").resize((width, height)).convert("RGB")


def telling_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right to see
    exif[0x010F] = "SECRET camera"
    exif.get_ifd(0x8825)[1] = "N"
    return exif


def png_of(width: int, height: int, body: bytes = b"\0") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(body))
        + chunk(b"IEND", b"")
    )


async def upload(
    client: httpx.AsyncClient, who: Person, data: bytes, *, version: int = 2, **form: str
) -> httpx.Response:
    files = {"file": ("picture.jpg", data, "image/jpeg")}
    return await client.post(f"/api/v{version}/media", headers=who.headers, files=files, data=form)


async def uploaded(client: httpx.AsyncClient, who: Person, **form: str) -> dict[str, Any]:
    response = await upload(client, who, encoded(photo(), "JPEG"), **form)
    assert response.status_code == 200, response.text
    return dict(response.json())


async def fetched(client: httpx.AsyncClient, url: str) -> Image.Image:
    response = await client.get(url)
    assert response.status_code == 200
    return Image.open(io.BytesIO(response.content))


async def test_an_upload_answers_with_sizes_blurhash_words_and_focus(
    client: httpx.AsyncClient, world: World
) -> None:
    (alice,) = await world.people("alice")
    found = await uploaded(client, alice, description=" A gradient ", focus="0.5,-0.25")
    assert (found["type"], found["description"]) == ("image", "A gradient")
    assert found["meta"]["original"] == {"width": 800, "height": 600, "size": "800x600", "aspect": 800 / 600}
    assert found["meta"]["small"]["width"] * found["meta"]["small"]["height"] <= 230_400
    assert found["meta"]["focus"] == {"x": 0.5, "y": -0.25}
    assert len(found["blurhash"]) == 36
    assert (await fetched(client, found["url"])).size == (800, 600)
    small = found["meta"]["small"]
    assert (await fetched(client, found["preview_url"])).size == (small["width"], small["height"])
    assert (await upload(client, alice, encoded(photo(), "PNG"), version=1)).status_code == 200


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
async def test_pictures_are_upright_and_tell_nothing_about_their_owner(
    client: httpx.AsyncClient, world: World, kind: str
) -> None:
    (alice,) = await world.people("alice")
    data = encoded(photo(), kind, exif=telling_exif())
    assert b"SECRET" in data
    found = (await upload(client, alice, data)).json()
    for url in (found["url"], found["preview_url"]):
        response = await client.get(url)
        assert b"SECRET" not in response.content
        picture = Image.open(io.BytesIO(response.content))
        assert not dict(picture.getexif())
        assert picture.height > picture.width
    assert found["meta"]["original"]["size"] == "600x800"


async def test_a_moving_picture_keeps_moving_and_loses_its_comments(
    client: httpx.AsyncClient, world: World
) -> None:
    (alice,) = await world.people("alice")
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    data = encoded(
        frames[0], "GIF", save_all=True, append_images=frames[1:], duration=70, loop=0, comment=b"SECRET"
    )
    found = (await upload(client, alice, data)).json()
    response = await client.get(found["url"])
    assert (response.headers["content-type"], b"SECRET" in response.content) == ("image/gif", False)
    picture = Image.open(io.BytesIO(response.content))
    assert getattr(picture, "n_frames", 1) == 3


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        b"GIF89a",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"%PDF-1.4",
        encoded(photo(), "JPEG")[:900],
        encoded(photo(), "BMP"),
        png_of(100, 100),
        png_of(60_000, 60_000),
        png_of(7000, 7000),
        png_of(20_000, 1),
        png_of(0, 0),
    ],
)
async def test_what_is_no_picture_or_a_bomb_is_refused(
    client: httpx.AsyncClient, world: World, data: bytes
) -> None:
    (alice,) = await world.people("alice")
    response = await upload(client, alice, data)
    assert response.status_code == 422, response.text
    assert response.json()["error"].startswith("Validation failed: File ")


async def test_a_gif_of_endless_frames_is_refused(client: httpx.AsyncClient, world: World) -> None:
    (alice,) = await world.people("alice")
    frames = [Image.new("L", (2, 2), n % 250) for n in range(1002)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=20)
    response = await upload(client, alice, data)
    assert (response.status_code, "too many frames" in response.text) == (422, True)


async def test_video_is_refused_in_a_sentence(client: httpx.AsyncClient, world: World) -> None:
    (alice,) = await world.people("alice")
    files = {"file": ("a.mp4", b"\x00\x00\x00\x18ftypmp42", "video/mp4")}
    response = await client.post("/api/v2/media", headers=alice.headers, files=files)
    assert (response.status_code, "images only" in response.json()["error"]) == (422, True)


@pytest.mark.parametrize(
    "form",
    [{"focus": "2,0"}, {"focus": "a,b"}, {"focus": "0.1"}, {"focus": "nan,0"}, {"description": "d" * 1501}],
)
async def test_bad_words_and_focus_are_refused(
    client: httpx.AsyncClient, world: World, form: dict[str, str]
) -> None:
    (alice,) = await world.people("alice")
    assert (await upload(client, alice, encoded(photo(), "PNG"), **form)).status_code == 422
    found = await uploaded(client, alice)
    response = await client.put(f"/api/v1/media/{found['id']}", headers=alice.headers, json=form)
    assert response.status_code == 422


async def test_without_a_file_or_a_scope_nothing_is_taken(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    reader = await world.person("reader", scopes=("read",))
    for body in ({"data": {"file": "text"}}, {"json": {}}, {}):
        response = await client.post("/api/v2/media", headers=alice.headers, **body)  # type: ignore[arg-type]
        assert response.status_code == 422
    assert (await upload(client, reader, encoded(photo(), "PNG"))).status_code == 403


async def test_an_upload_is_its_owners_until_it_is_posted(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    found = await uploaded(client, alice)
    path = f"/api/v1/media/{found['id']}"
    changed = await client.put(path, headers=alice.headers, data={"description": "new", "focus": "-1.0,1.0"})
    assert (changed.json()["description"], changed.json()["meta"]["focus"]) == ("new", {"x": -1.0, "y": 1.0})
    kept = await client.put(path, headers=alice.headers, json={})
    assert kept.json()["description"] == "new"
    for method in ("GET", "PUT", "DELETE"):
        assert (await client.request(method, path, headers=bob.headers)).status_code == 404
    stolen = {"status": "mine", "media_ids": [found["id"]]}
    assert (await client.post("/api/v1/statuses", headers=bob.headers, json=stolen)).status_code == 422
    status = (await client.post("/api/v1/statuses", headers=alice.headers, json=stolen)).json()
    assert [one["id"] for one in status["media_attachments"]] == [found["id"]]
    assert (await client.get(path, headers=alice.headers)).status_code == 404
    assert (await client.post("/api/v1/statuses", headers=alice.headers, json=stolen)).status_code == 422
    used = await client.delete(path, headers=alice.headers)
    assert (used.status_code, used.json()["error"]) == (
        422,
        "Media attachment is currently used by a status",
    )


async def test_media_alone_is_a_post_in_the_order_given(client: httpx.AsyncClient, world: World) -> None:
    (alice,) = await world.people("alice")
    ids = [(await uploaded(client, alice))["id"] for _ in range(3)]
    body = {"media_ids[]": [ids[2], ids[0], ids[1]]}
    status = (await client.post("/api/v1/statuses", headers=alice.headers, data=body)).json()
    assert [one["id"] for one in status["media_attachments"]] == [ids[2], ids[0], ids[1]]
    assert status["content"] == ""


async def test_an_edit_changes_media_and_their_words(client: httpx.AsyncClient, world: World) -> None:
    (alice,) = await world.people("alice")
    first, second = [(await uploaded(client, alice))["id"] for _ in range(2)]
    status = (
        await client.post(
            "/api/v1/statuses", headers=alice.headers, json={"status": "x", "media_ids": [first]}
        )
    ).json()
    path = f"/api/v1/statuses/{status['id']}"
    change = {
        "status": "x",
        "media_ids": [second, first],
        "media_attributes": [{"id": first, "description": "words", "focus": "0.0,0.5"}],
    }
    edited = (await client.put(path, headers=alice.headers, json=change)).json()
    assert [one["id"] for one in edited["media_attachments"]] == [second, first]
    assert edited["media_attachments"][1]["description"] == "words"
    again = (await client.put(path, headers=alice.headers, json=change)).json()
    assert again["edited_at"] == edited["edited_at"]
    removed = (await client.put(path, headers=alice.headers, json={"status": "x"})).json()
    assert removed["media_attachments"] == []
    history = (await client.get(f"{path}/history")).json()
    assert [len(version["media_attachments"]) for version in history] == [1, 2, 0]


async def test_deleting_keeps_media_for_a_new_post_unless_asked(
    client: httpx.AsyncClient, world: World
) -> None:
    (alice,) = await world.people("alice")
    for keep in (True, False):
        found = await uploaded(client, alice)
        body = {"status": "x", "media_ids": [found["id"]]}
        status = (await client.post("/api/v1/statuses", headers=alice.headers, json=body)).json()
        path = f"/api/v1/statuses/{status['id']}?delete_media={'false' if keep else 'true'}"
        deleted = (await client.delete(path, headers=alice.headers)).json()
        assert [one["id"] for one in deleted["media_attachments"]] == [found["id"]]
        again = await client.post("/api/v1/statuses", headers=alice.headers, json=body)
        assert again.status_code == (200 if keep else 422)
        assert (await client.get(found["url"])).status_code == (200 if keep else 404)


async def test_objects_are_served_inert_and_for_ever(client: httpx.AsyncClient, world: World) -> None:
    (alice,) = await world.people("alice")
    response = await client.get((await uploaded(client, alice))["url"])
    headers = response.headers
    assert headers["content-type"] == "image/jpeg"
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    assert "immutable" in headers["cache-control"]
    assert headers["access-control-allow-origin"] == "*"
    for path in ("/media/x", "/media/../settings", "/media/media/ab/..%2f..%2f..%2fetc%2fpasswd", "/media/"):
        assert (await client.get(path)).status_code == 404


async def test_uploads_that_nobody_posts_are_swept(client: httpx.AsyncClient, world: World) -> None:
    (alice,) = await world.people("alice")
    old, young, posted = [await uploaded(client, alice) for _ in range(3)]
    body = {"status": "x", "media_ids": [posted["id"]]}
    await client.post("/api/v1/statuses", headers=alice.headers, json=body)
    async with world.context.pool.transaction() as conn:
        await conn.execute(
            "UPDATE media SET created_at = now() - interval '2 days' WHERE id = ANY($1::bigint[])",
            [int(old["id"]), int(posted["id"])],
        )
        await conn.execute(
            "INSERT INTO idempotency_keys (account_id, key, status_id, created_at) VALUES"
            " ($1, 'old', 1, now() - interval '2 hours'), ($1, 'young', 1, now())",
            alice.account_id,
        )
    await housekeeping.clean(world.context)
    async with world.context.pool.connection() as conn:
        assert await conn.fetchval("SELECT array_agg(key) FROM idempotency_keys") == ["young"]
    found = [(await client.get(one["url"])).status_code for one in (old, young, posted)]
    assert found == [404, 200, 200]


async def test_profile_pictures_get_the_size_they_are_shown_in(world: World) -> None:
    for kind, size in (("avatar", (400, 400)), ("header", (1500, 500))):
        key = await media.store_profile_image(
            world.context,
            data=encoded(photo(333, 777), "PNG"),
            kind=kind,  # type: ignore[arg-type]
        )
        data, _ = await media.fetch(world.context, key)
        assert Image.open(io.BytesIO(data)).size == size
