"""Pictures: what an uploaded file really is, without what it says about its owner, in the sizes we show.

Every picture is decoded and written anew, so metadata and whatever was hidden in the file are gone. Headers
are judged before anything is decoded. The work runs in a few threads of its own; Pillow releases the
interpreter while it decodes, scales and encodes.
"""

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import blurhash
from PIL import Image, ImageOps, ImageSequence

from cluster.errors import InvalidInput, Overloaded
from cluster.settings import Media

T = TypeVar("T")

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")  # decoders that uploads can reach: no others
KEPT_PIXELS_MAX = 8_294_400  # 3840 x 2160, as Mastodon; larger originals are scaled down to it
FRAMES_MAX = 1_000  # of a moving picture: a minute at 16 a second
SIDE_MAX = 16_383  # WebP's limit, and nothing real is longer
THREADS = 2  # a decoded picture of the largest size takes 130 MB
WAITING_MAX = 16  # pictures in line; beyond, a client should come back
BLURHASH_SIDE = 32  # the hash has 4 x 4 components: it cannot show more
JPEG_QUALITY, WEBP_QUALITY = 90, 85


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture."""

    data: bytes
    extension: str
    width: int
    height: int

    def meta(self) -> dict[str, Any]:
        """Its size as a MediaAttachment says it."""
        return {
            "width": self.width,
            "height": self.height,
            "size": f"{self.width}x{self.height}",
            "aspect": self.width / self.height,
        }


@dataclass(frozen=True, slots=True)
class Processed:
    """An upload, ready to be kept."""

    original: Picture
    small: Picture
    blurhash: str


class Workshop:
    """The threads that work on pictures."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pictures")
        self._waiting = 0

    async def process(self, data: bytes, *, limits: Media) -> Processed:
        """A clean original, a preview and a blurhash. Raises InvalidInput, Overloaded."""
        return await self._run(lambda: _process(data, limits))

    async def crop(self, data: bytes, *, width: int, height: int, limits: Media) -> Picture:
        """The picture's middle in exactly this size, not moving. Raises InvalidInput, Overloaded."""
        return await self._run(lambda: _crop(data, (width, height), limits))

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING_MAX:
            raise Overloaded("too many pictures are being worked on; retry shortly")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


workshop = Workshop()


@dataclass(slots=True)
class _Frames:
    """A decoded, upright picture; `rest` are its other frames when it moves."""

    first: Image.Image
    kind: str
    rest: list[Image.Image] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    loop: int = 0
    untouched: bool = True  # still exactly what the file holds


def _process(data: bytes, limits: Media) -> Processed:
    return _guarded(lambda: _render(_decode(data, limits, moving=True), limits))


def _crop(data: bytes, size: tuple[int, int], limits: Media) -> Picture:
    def work() -> Picture:
        image = _decode(data, limits, moving=False).first
        return _still(ImageOps.fit(_plain(image), size, Image.Resampling.LANCZOS))

    return _guarded(work)


def _guarded(work: Callable[[], T]) -> T:
    """Decoders fed with rubbish raise nearly anything."""
    try:
        return work()
    except InvalidInput:
        raise
    except Image.DecompressionBombError as error:
        raise InvalidInput("Validation failed: File images of this size are not supported") from error
    except MemoryError as error:
        raise Overloaded("the picture needs more memory than there is") from error
    except Exception as error:
        raise InvalidInput(
            "Validation failed: File has contents that are not what they are reported to be"
        ) from error


def _decode(data: bytes, limits: Media, *, moving: bool) -> _Frames:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
        if max(width, height) > SIDE_MAX or width * height > limits.pixels_max:
            raise InvalidInput(f"Validation failed: File {width}x{height} images are not supported")
        kind = image.format or ""
        if moving and kind in ("GIF", "WEBP") and getattr(image, "is_animated", False):
            return _moving(image, kind, frames_max=min(FRAMES_MAX, limits.pixels_max // (width * height)))
        image.load()
        upright = _upright(image)
        return _Frames(upright, kind, untouched=upright is image)


def _upright(image: Image.Image) -> Image.Image:
    try:
        if image.getexif().get(0x0112, 1) == 1:  # Orientation
            return image
        return ImageOps.exif_transpose(image)
    except Exception:  # broken metadata: the picture itself may be fine
        return image


def _moving(image: Image.Image, kind: str, *, frames_max: int) -> _Frames:
    frames: list[Image.Image] = []
    durations = []
    for frame in ImageSequence.Iterator(image):
        if len(frames) == frames_max:
            raise InvalidInput("Validation failed: File has too many frames for a moving picture of its size")
        frames.append(_bare(frame.convert("RGBA")))
        durations.append(int(frame.info.get("duration", 100)))
    loop = int(image.info.get("loop", 0))
    return _Frames(frames[0], kind, frames[1:], durations, loop, untouched=False)


def _render(frames: _Frames, limits: Media) -> Processed:
    original = _animation(frames) if frames.rest else _original(frames)
    small = _scaled(_plain(frames.first), limits.thumbnail_pixels_max)
    tiny = small.convert("RGB")
    tiny.thumbnail((BLURHASH_SIDE, BLURHASH_SIDE))
    return Processed(original, _still(small), blurhash.encode(tiny, 4, 4))


def _original(frames: _Frames) -> Picture:
    image = frames.first
    if image.width * image.height > KEPT_PIXELS_MAX:
        return _encode(_scaled(_plain(image), KEPT_PIXELS_MAX), frames.kind)
    return _encode(image, frames.kind, exact=frames.untouched)


def _encode(image: Image.Image, kind: str, *, exact: bool = False) -> Picture:
    """`exact`: the picture is as decoded, so a JPEG can keep its quantisation and lose nothing."""
    if kind == "PNG":
        return _save(_bare(image), "PNG", "png", optimize=False)
    if kind == "GIF":
        return _save(_bare(image), "GIF", "gif")
    if kind == "WEBP":
        return _save(_bare(image), "WEBP", "webp", quality=WEBP_QUALITY, method=4)
    if kind == "JPEG" and exact and image.mode in ("L", "RGB"):
        return _save(_bare(image), "JPEG", "jpg", quality="keep", optimize=True)
    return _still(_plain(image))


def _animation(frames: _Frames) -> Picture:
    return _save(
        frames.first,
        frames.kind,
        frames.kind.lower(),
        save_all=True,
        append_images=frames.rest,
        duration=frames.durations,
        loop=frames.loop,
        disposal=2,
    )


def _still(image: Image.Image) -> Picture:
    """A JPEG, or a PNG when something shines through."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255):
        return _save(image, "PNG", "png")
    return _save(image.convert("RGB"), "JPEG", "jpg", quality=JPEG_QUALITY, optimize=True, progressive=True)


def _save(image: Image.Image, format_: str, extension: str, **options: Any) -> Picture:
    out = io.BytesIO()
    profile = image.info.get("icc_profile")
    if profile and format_ != "GIF":
        options["icc_profile"] = profile
    image.save(out, format_, **options)
    return Picture(out.getvalue(), extension, image.width, image.height)


def _plain(image: Image.Image) -> Image.Image:
    """As RGB or RGBA, which everything can scale and save."""
    alpha = "A" in image.getbands() or "transparency" in image.info
    return _bare(image.convert("RGBA" if alpha else "RGB"))


def _bare(image: Image.Image) -> Image.Image:
    """Only what is needed to show it: comments, GPS positions and thumbnails in `info` would be written."""
    image.info = {name: image.info[name] for name in ("icc_profile", "transparency") if name in image.info}
    return image


def _scaled(image: Image.Image, pixels_max: int) -> Image.Image:
    pixels = image.width * image.height
    if pixels <= pixels_max:
        return image
    ratio = (pixels_max / pixels) ** 0.5
    size = (max(1, int(image.width * ratio)), max(1, int(image.height * ratio)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
