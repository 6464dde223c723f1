"""Stylesheet, script and icon of our pages: read once, named by their content, kept by browsers for ever."""

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. `version` changes with its content."""

    body: bytes
    media_type: str
    version: str


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(body, _TYPES[path.suffix], blake2b(body, digest_size=6).hexdigest())


ASSETS = {path.name: _read(path) for path in (Path(__file__).parent / "pages" / "assets").iterdir()}


def address(name: str) -> str:
    """Where a page finds a file; another address for every version."""
    return f"/assets/{name}?v={ASSETS[name].version}"
