"""Mastodon.py uploads pictures, describes them and posts them."""

import io

import blurhash
import httpx
import pytest
from mastodon import MastodonAPIError, MastodonNotFoundError
from PIL import Image

from tests.api.drivers.conftest import Meet
from tests.api.drivers.friends import picture

GPS = 0x8825


def test_a_picture_is_stored_with_what_clients_show_before_it_loads(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    media = alice.api.media_post(
        picture(800, 400), mime_type="image/png", description="a teal field", focus=(0.5, -0.25)
    )
    assert (media.type, media.description) == ("image", "a teal field")
    assert (media.meta.focus.x, media.meta.focus.y) == (0.5, -0.25)
    assert (media.meta.original.width, media.meta.original.height) == (800, 400)
    assert media.meta.small.width * media.meta.small.height <= 640 * 360  # as Mastodon
    assert blurhash.decode(media.blurhash, 4, 4).size == (4, 4)
    status = alice.api.status_post("look", media_ids=[media], sensitive=True)
    shown = bob.api.status(status).media_attachments
    assert [attachment.id for attachment in shown] == [media.id]
    assert shown[0].description == "a teal field"
    for url in (shown[0].url, shown[0].preview_url):
        answer = httpx.get(url)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert Image.open(io.BytesIO(answer.content)).size[0] > 0
    assert Image.open(io.BytesIO(httpx.get(shown[0].url).content)).size == (800, 400)


def test_where_a_picture_was_taken_is_nobodys_business(meet: Meet) -> None:
    (alice,) = meet("alice")
    exif = Image.Exif()
    exif[0x010F] = "CameraMaker"
    exif.get_ifd(GPS)[1] = "N"
    file = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(file, "JPEG", exif=exif)
    media = alice.api.media_post(file.getvalue(), mime_type="image/jpeg")
    stored = httpx.get(media.url).content
    assert b"CameraMaker" not in stored
    assert not Image.open(io.BytesIO(stored)).getexif()


def test_a_description_is_mended_before_and_after_posting(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    media = alice.api.media_post(picture(), mime_type="image/png")
    assert media.description is None
    changed = alice.api.media_update(media, description="better", focus=(0, 1))
    assert (changed.description, changed.meta.focus.y) == ("better", 1)
    assert alice.api.media(media).description == "better"
    status = alice.api.status_post("", media_ids=[media])
    attributes = [alice.api.generate_media_edit_attributes(media, description="best")]
    edited = alice.api.status_update(status, "with words", media_attributes=attributes)
    assert edited.media_attachments[0].description == "best"
    assert bob.api.status(status).media_attachments[0].description == "best"


def test_media_belong_to_who_uploaded_them_and_to_one_status(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    media = alice.api.media_post(picture(), mime_type="image/png")
    with pytest.raises(MastodonNotFoundError):
        bob.api.media(media)
    with pytest.raises(MastodonAPIError):
        bob.api.status_post("stolen", media_ids=[media])
    alice.api.status_post("mine", media_ids=[media])
    with pytest.raises(MastodonAPIError):
        alice.api.status_post("again", media_ids=[media])


@pytest.mark.parametrize(
    ("data", "mime_type"),
    [
        (b"not an image at all", "image/png"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "image/svg+xml"),
        (picture().getvalue()[:40], "image/png"),
        (b"", "image/png"),
    ],
    ids=["text", "svg", "cut off", "empty"],
)
def test_what_is_no_picture_is_refused(meet: Meet, data: bytes, mime_type: str) -> None:
    (alice,) = meet("alice")
    with pytest.raises(MastodonAPIError) as refusal:
        alice.api.media_post(data, mime_type=mime_type)
    assert 400 <= refusal.value.args[1] < 500
    assert refusal.value.args[3]
