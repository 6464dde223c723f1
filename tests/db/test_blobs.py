"""Both stores of objects keep the same contract; S3 is asked over real HTTP."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from cluster.errors import NotFound, Unavailable
from cluster.settings import S3, Settings
from db.blobs import Blobs, DirectoryBlobs, content_type_of, make_blobs, new_key
from db.blobs_s3 import S3Blobs


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def s3_settings(url: str, **more: str) -> S3:
    return S3(
        bucket="pictures",
        endpoint_url=url,
        access_key=SecretStr("key"),
        secret_key=SecretStr("secret"),
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture(params=["directory", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "directory":
        return DirectoryBlobs(tmp_path / "deep" / "media", public_url="https://flow.test/media")
    url = request.getfixturevalue("s3_url")
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    client.create_bucket(Bucket="pictures")
    return S3Blobs(s3_settings(url), public_url="https://flow.test/media")


async def test_what_was_put_can_be_opened_until_it_is_deleted(blobs: Blobs) -> None:
    first, second = new_key("media", "png"), new_key("avatars", "jpg")
    await blobs.put(first, b"one")
    await blobs.put(second, b"two" * 100_000)
    assert await blobs.open(first) == b"one"
    assert await blobs.open(second) == b"two" * 100_000
    await blobs.put(first, b"again")
    assert await blobs.open(first) == b"again"
    await blobs.delete([first])
    with pytest.raises(NotFound):
        await blobs.open(first)
    assert len(await blobs.open(second)) == 300_000


async def test_deleting_what_does_not_exist_is_fine(blobs: Blobs) -> None:
    await blobs.delete([])
    await blobs.delete([new_key("media", "png") for _ in range(3)])


async def test_many_can_be_put_and_deleted_at_once(blobs: Blobs) -> None:
    keys = [new_key("media", "gif") for _ in range(20)]
    await asyncio.gather(*(blobs.put(key, key.encode()) for key in keys))
    assert await asyncio.gather(*(blobs.open(key) for key in keys)) == [key.encode() for key in keys]
    await blobs.delete(keys)
    with pytest.raises(NotFound):
        await blobs.open(keys[7])


@pytest.mark.parametrize(
    "key",
    [
        "../../etc/passwd",
        "media/../../../etc/passwd",
        "/etc/passwd",
        "media/ab/..",
        "media/ab/" + "0" * 30 + ".png\n",
        "media/ab/" + "0" * 30 + ".png/x",
        "media\\ab\\" + "0" * 30 + ".png",
        "media/ab/" + "0" * 29 + "\x00.png",
        "",
        "x" * 5000,
    ],
)
async def test_what_is_no_key_is_not_found(blobs: Blobs, key: str) -> None:
    with pytest.raises(NotFound):
        await blobs.open(key)
    with pytest.raises(NotFound):
        await blobs.put(key, b"")
    with pytest.raises(NotFound):
        await blobs.delete([key])


async def test_the_url_says_where_a_browser_finds_it(blobs: Blobs) -> None:
    key = new_key("media", "webp")
    assert blobs.url(key) == f"https://flow.test/media/{key}"


def test_keys_cannot_be_guessed_and_say_the_type() -> None:
    keys = {new_key("media", "webp") for _ in range(1000)}
    assert len(keys) == 1000
    assert {content_type_of(key) for key in keys} == {"image/webp"}


async def test_a_store_that_does_not_work_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    for broken in (
        DirectoryBlobs(file, public_url=""),
        S3Blobs(s3_settings("http://127.0.0.1:9"), public_url=""),
    ):
        with pytest.raises(Unavailable):
            await broken.put(new_key("media", "png"), b"x")


async def test_half_written_files_are_never_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Unavailable):
        await DirectoryBlobs(tmp_path, public_url="").put(new_key("media", "png"), b"x" * 1000)
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == []


async def test_objects_in_s3_say_their_type_and_that_they_never_change(s3_url: str, blobs: Blobs) -> None:
    if not isinstance(blobs, S3Blobs):
        return
    key = new_key("media", "png")
    await blobs.put(key, b"x")
    head = boto3.client(
        "s3",
        endpoint_url=s3_url,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    ).head_object(Bucket="pictures", Key=key)
    assert head["ContentType"] == "image/png"
    assert "immutable" in head["CacheControl"]


def test_the_settings_choose_the_store(tmp_path: Path) -> None:
    assert isinstance(make_blobs(Settings(home=tmp_path)), DirectoryBlobs)
    settings = Settings(home=tmp_path, s3=s3_settings("http://127.0.0.1:9", public_url="https://cdn.test/"))
    chosen = make_blobs(settings)
    assert isinstance(chosen, S3Blobs)
    assert chosen.url("media/x") == "https://cdn.test/media/x"
