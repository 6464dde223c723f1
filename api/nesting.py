"""Nested names in forms and queries: `source[privacy]`, `types[]`, `fields_attributes[0][name]`. Pure.

The grammar is Rack's, which all clients were written against. Depth and count are bounded, so that a body
within the size limit cannot cost more than its size.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from cluster.errors import MalformedRequest

PAIRS_MAX = 4096  # Rack's limit for one query or form
DEPTH_MAX = 8  # the deepest real name has 3 levels: data[alerts][mention]


def parse_urlencoded(body: bytes) -> dict[str, Any]:
    """A urlencoded form or query string as nested values. Raises MalformedRequest."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=PAIRS_MAX)
    except (UnicodeDecodeError, ValueError) as error:
        raise MalformedRequest("The form cannot be read: it must be UTF-8 and have fewer fields") from error
    return nest(pairs)


def nest(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Pairs with bracketed names as nested dicts and lists; a repeated plain name keeps the last value."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        if (isinstance(value, str) and "\x00" in value) or "\x00" in name:
            raise MalformedRequest("A text contains a NUL character")
        if "[" not in name:
            root[name] = value
        else:
            _put(root, _split(name), value)
    return root


def forbid_nul(value: Any) -> None:
    """Raises MalformedRequest when a text inside has a NUL character, which Postgres cannot store."""
    if isinstance(value, str):
        if "\x00" in value:
            raise MalformedRequest("A text contains a NUL character")
    elif isinstance(value, dict):
        for name, item in value.items():
            forbid_nul(name)
            forbid_nul(item)
    elif isinstance(value, list):
        for item in value:
            forbid_nul(item)


def _split(name: str) -> list[str]:
    """`a[b][]` -> ["a", "b", ""]. A name with unbalanced brackets is a plain one."""
    head, _, rest = name.partition("[")
    if not head or not rest.endswith("]"):
        return [name]
    parts = [head, *rest[:-1].split("][")]
    if len(parts) > DEPTH_MAX:
        raise MalformedRequest(f"A field is nested more than {DEPTH_MAX} levels deep")
    return parts


def _put(target: dict[str, Any], parts: list[str], value: Any) -> None:
    node: Any = target
    for index, part in enumerate(parts[:-1]):
        listed = parts[index + 1] == ""
        node = _descend(node, part, index, parts, listed)
    last = parts[-1]
    if isinstance(node, list):
        node.append(value)
    elif isinstance(node, dict):
        node[last] = value


def _descend(node: Any, part: str, index: int, parts: list[str], listed: bool) -> Any:
    """The container under `part`, made when absent. A clash of kinds ("a=1&a[b]=2") is malformed."""
    empty: Any = [] if listed else {}
    if isinstance(node, list):
        # `a[][x]=1&a[][y]=2&a[][x]=3`: an object goes on until a name repeats.
        following = parts[index + 1]
        if not node or not isinstance(node[-1], dict) or (following in node[-1] and index + 2 == len(parts)):
            node.append(empty)
        return node[-1]
    child = node.setdefault(part, empty)
    if not isinstance(child, type(empty)):
        raise MalformedRequest(f"The field {part[:40]!r} is given both as one value and as several")
    return child
