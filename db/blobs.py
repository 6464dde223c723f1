"""Objects: uploaded files and pictures, by key, in a directory of the home or behind any S3 API.

Keys are made here, cannot be guessed, and say the type of what they name; nothing else is a key. An object
never changes under its key, so whoever fetched it may keep it for ever.
"""

import asyncio
import os
import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from cluster.errors import NotFound, Unavailable
from cluster.settings import Settings

T = TypeVar("T")

_KEY = re.compile(r"[a-z]{1,16}/[0-9a-f]{2}/[0-9a-f]{30}\.[a-z0-9]{2,4}")
CONTENT_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
}
CACHE_CONTROL = "public, max-age=31536000, immutable"


def new_key(folder: str, extension: str) -> str:
    """A key with 128 bits of chance, spread over 256 folders."""
    name = secrets.token_hex(16)
    return f"{folder}/{name[:2]}/{name[2:]}.{extension}"


def content_type_of(key: str) -> str:
    """The type of the object that a key names. Raises NotFound when it is no key."""
    if not _KEY.fullmatch(key):
        raise NotFound
    return CONTENT_TYPES.get(key.rsplit(".", 1)[1], "application/octet-stream")


class Blobs(Protocol):
    """Where objects are. Every method raises Unavailable when the store does not work."""

    async def put(self, key: str, data: bytes) -> None:
        """Keep an object; durable when this returns."""
        ...

    async def open(self, key: str) -> bytes:
        """An object's bytes. Raises NotFound."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; those that do not exist are fine."""
        ...

    def url(self, key: str) -> str:
        """Where a browser fetches the object."""
        ...


def make_blobs(settings: Settings) -> Blobs:
    """The store that the settings name."""
    if settings.s3.bucket:
        from db.blobs_s3 import S3Blobs  # boto3 takes 0.3 s to import, and most never need it

        return S3Blobs(settings.s3, public_url=f"{settings.public_url}/media")
    return DirectoryBlobs(settings.home / "media", public_url=f"{settings.public_url}/media")


class DirectoryBlobs:
    """Objects as files, served by this server under `public_url`. A reader sees a whole object or none."""

    def __init__(self, root: Path, *, public_url: str) -> None:
        self._root = root
        self._public_url = public_url

    async def put(self, key: str, data: bytes) -> None:
        """See `Blobs`."""
        await self._do(lambda: _write(self._path(key), data))

    async def open(self, key: str) -> bytes:
        """See `Blobs`."""
        return await self._do(self._path(key).read_bytes)

    async def delete(self, keys: Sequence[str]) -> None:
        """See `Blobs`."""
        paths = [self._path(key) for key in keys]

        def unlink() -> None:
            for path in paths:
                path.unlink(missing_ok=True)

        await self._do(unlink)

    def url(self, key: str) -> str:
        """See `Blobs`."""
        return f"{self._public_url}/{key}"

    def _path(self, key: str) -> Path:
        content_type_of(key)
        return self._root / key

    async def _do(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except FileNotFoundError as error:
            raise NotFound from error
        except OSError as error:  # a full disk, a lost mount, a missing right
            raise Unavailable("the media store does not work") from error


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with half.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise
