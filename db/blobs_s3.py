"""Objects behind an S3 API, through boto3 in threads. Loaded only where a bucket is configured."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cluster.errors import NotFound, Unavailable
from cluster.settings import S3
from db.blobs import CACHE_CONTROL, content_type_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

DELETE_MAX = 1000  # objects in one DeleteObjects call: the API's limit


class S3Blobs:
    """Objects in a bucket. Browsers fetch them from `s3.public_url`; without one, from this server under
    `public_url`."""

    def __init__(self, settings: S3, *, public_url: str) -> None:
        self._bucket = settings.bucket
        self._url = settings.public_url.rstrip("/") or public_url
        self._client: S3Client = boto3.client(
            "s3",
            endpoint_url=settings.endpoint_url or None,
            region_name=settings.region,
            aws_access_key_id=settings.access_key.get_secret_value() or None,
            aws_secret_access_key=settings.secret_key.get_secret_value() or None,
            # Path style works with every S3 server, also without a DNS name per bucket.
            config=Config(
                connect_timeout=2,
                read_timeout=10,
                retries={"max_attempts": 2},
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    async def put(self, key: str, data: bytes) -> None:
        """See `Blobs`."""
        kind = content_type_of(key)
        await self._do(
            lambda: self._client.put_object(
                Bucket=self._bucket, Key=key, Body=data, ContentType=kind, CacheControl=CACHE_CONTROL
            )
        )

    async def open(self, key: str) -> bytes:
        """See `Blobs`."""
        content_type_of(key)
        return await self._do(lambda: self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read())

    async def delete(self, keys: Sequence[str]) -> None:
        """See `Blobs`."""
        for key in keys:
            content_type_of(key)
        for at in range(0, len(keys), DELETE_MAX):
            await self._delete(keys[at : at + DELETE_MAX])

    async def _delete(self, keys: Sequence[str]) -> None:
        answer = await self._do(
            lambda: self._client.delete_objects(
                Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
        )
        if answer.get("Errors"):
            raise Unavailable("the media store does not delete")

    def url(self, key: str) -> str:
        """See `Blobs`."""
        return f"{self._url}/{key}"

    async def _do(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                raise NotFound from error
            raise Unavailable("the media store does not work") from error
        except (BotoCoreError, OSError) as error:
            raise Unavailable("the media store does not work") from error
