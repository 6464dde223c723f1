"""Pictures for those who have none yet: a face without features, an empty banner, the server's own card.

Drawn once, on first use: a few milliseconds and a few KB each.
"""

import io
from functools import lru_cache

from PIL import Image, ImageDraw

_NIGHT, _DUSK, _FACE = (40, 44, 72), (86, 92, 150), (186, 190, 226)

SIZES = {"avatar": (400, 400), "header": (1500, 500), "preview": (1200, 630)}


@lru_cache(maxsize=len(SIZES))
def png(name: str) -> bytes:
    """One of `SIZES` as a PNG file."""
    width, height = SIZES[name]
    picture = Image.new("RGB", (width, height), _DUSK)
    draw = ImageDraw.Draw(picture)
    if name == "avatar":
        draw.ellipse((130, 80, 270, 220), fill=_FACE)
        draw.ellipse((60, 250, 340, 530), fill=_FACE)
    else:
        for ring in range(6, 0, -1):  # ripples from the lower left
            radius = height * ring // 4
            shade = tuple(
                dark + (light - dark) * ring // 7 for dark, light in zip(_NIGHT, _DUSK, strict=True)
            )
            draw.ellipse((-radius, height - radius, radius, height + radius), fill=shade)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
