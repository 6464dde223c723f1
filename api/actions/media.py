"""Uploads: taken in, described, served, removed. Pictures only; video and sound come with their pipeline."""

import re
from collections.abc import Sequence
from typing import Any, Literal

from api import entities
from api.context import Context
from api.images import workshop
from cluster.errors import FieldError, InvalidInput, NotFound
from db import blobs
from db.entities import Media
from db.queries import media as queries
from db.queries.media import NewMedia

AVATAR, HEADER = (400, 400), (1500, 500)  # as Mastodon
SWEPT_AT_ONCE = 500  # uploads that nobody posted, removed in one step

_FOCUS = re.compile(r"\s*(-?\d{0,3}(?:\.\d{0,20})?)\s*,\s*(-?\d{0,3}(?:\.\d{0,20})?)\s*")


async def upload(
    ctx: Context,
    *,
    account_id: int,
    data: bytes,
    claimed_type: str,
    description: str | None,
    focus: str | None,
) -> dict[str, Any]:
    """Take in a picture; the MediaAttachment. Raises InvalidInput, Overloaded, Unavailable."""
    words = check_description(ctx, description)
    point = parse_focus(focus)
    if claimed_type.startswith(("video/", "audio/")):
        raise InvalidInput(
            "Validation failed: File is a video or audio file; this server takes images only yet"
        )
    done = await workshop.process(data, limits=ctx.settings.media)
    key = blobs.new_key("media", done.original.extension)
    preview_key = blobs.new_key("media", done.small.extension)
    await ctx.blobs.put(key, done.original.data)
    await ctx.blobs.put(preview_key, done.small.data)
    meta = {"original": done.original.meta(), "small": done.small.meta()}
    new = NewMedia(
        account_id,
        "image",
        blobs.content_type_of(key),
        key,
        preview_key,
        meta if point is None else {**meta, "focus": point},
        done.blurhash,
        words or None,
    )
    async with ctx.pool.transaction() as conn:
        kept = await queries.insert(conn, new=new)
    return entities.render_media(kept, links=ctx.links)


async def read(ctx: Context, *, account_id: int, media_id: int) -> dict[str, Any]:
    """One's own upload, until it is posted. Raises NotFound."""
    return entities.render_media(
        await _waiting(ctx, account_id=account_id, media_id=media_id), links=ctx.links
    )


async def describe(
    ctx: Context, *, account_id: int, media_id: int, description: str | None, focus: str | None
) -> dict[str, Any]:
    """Change what is said about an upload, until it is posted. Raises NotFound, InvalidInput."""
    words, point = check_description(ctx, description), parse_focus(focus)
    await _waiting(ctx, account_id=account_id, media_id=media_id)
    async with ctx.pool.transaction() as conn:
        await queries.describe(conn, media_id=media_id, description=words, focus=point)
    return await read(ctx, account_id=account_id, media_id=media_id)


async def delete(ctx: Context, *, account_id: int, media_id: int) -> None:
    """Remove an upload. Raises NotFound, InvalidInput for what a status shows."""
    if (await _own(ctx, account_id=account_id, media_id=media_id)).status_id is not None:
        raise InvalidInput("Media attachment is currently used by a status")
    async with ctx.pool.transaction() as conn:
        keys = await queries.delete_free(conn, account_id=account_id, ids=[media_id])
    await delete_objects(ctx, keys)


async def _own(ctx: Context, *, account_id: int, media_id: int) -> Media:
    async with ctx.pool.connection() as conn:
        found = (await queries.own(conn, account_id=account_id, ids=[media_id])).get(media_id)
    if found is None:
        raise NotFound
    return found


async def _waiting(ctx: Context, *, account_id: int, media_id: int) -> Media:
    found = await _own(ctx, account_id=account_id, media_id=media_id)
    if found.status_id is not None:
        raise NotFound
    return found


def check_description(ctx: Context, typed: str | None) -> str | None:
    """A description as it is kept. Raises InvalidInput."""
    limit = ctx.settings.media.description_characters_max
    if typed is not None and len(typed) > limit:
        words = f"is too long (maximum is {limit} characters)"
        raise InvalidInput(
            f"Validation failed: Description {words}", (FieldError("description", "ERR_TOO_LONG", words),)
        )
    return None if typed is None else typed.replace("\x00", "").strip()


def parse_focus(typed: str | None) -> dict[str, float] | None:
    """ "x,y", each from -1 to 1: the point that a crop should keep. Raises InvalidInput."""
    if typed is None or not typed.strip():
        return None
    match = _FOCUS.fullmatch(typed)
    try:
        x, y = (float(part) for part in match.groups()) if match else (2.0, 2.0)
    except ValueError:
        x = y = 2.0
    if abs(x) > 1 or abs(y) > 1:
        words = 'is not "x,y" with numbers from -1.0 to 1.0'
        raise InvalidInput(f"Validation failed: Focus {words}", (FieldError("focus", "ERR_INVALID", words),))
    return {"x": x, "y": y}


async def store_profile_image(ctx: Context, *, data: bytes, kind: Literal["avatar", "header"]) -> str:
    """Keep a profile picture in the one size that it is shown in; its key. Raises InvalidInput."""
    width, height = AVATAR if kind == "avatar" else HEADER
    picture = await workshop.crop(data, width=width, height=height, limits=ctx.settings.media)
    key = blobs.new_key(f"{kind}s", picture.extension)
    await ctx.blobs.put(key, picture.data)
    return key


async def delete_objects(ctx: Context, keys: Sequence[str]) -> None:
    """Remove objects that nothing names any more."""
    if keys:
        await ctx.blobs.delete(keys)


async def sweep(ctx: Context) -> int:
    """Remove uploads that nobody posted in time; how many objects. One replica calls it now and then."""
    removed = 0
    while True:
        async with ctx.pool.transaction() as conn:
            keep_s = ctx.settings.media.unattached_keep_s
            keys = await queries.delete_unattached(conn, keep_s=keep_s, limit=SWEPT_AT_ONCE)
        await delete_objects(ctx, keys)
        removed += len(keys)
        if len(keys) < SWEPT_AT_ONCE:
            return removed


async def fetch(ctx: Context, key: str) -> tuple[bytes, str]:
    """An object and its type. Raises NotFound."""
    kind = blobs.content_type_of(key)
    return await ctx.blobs.open(key), kind
