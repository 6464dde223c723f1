"""The OpenAPI document as sections for a page. Pure."""

from dataclasses import dataclass, field
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `words`: its first sentence; `more`: the rest."""

    id: str
    method: str
    path: str
    words: str
    more: str
    parameters: list[str]


@dataclass(frozen=True, slots=True)
class Section:
    """What belongs to one noun."""

    name: str
    operations: list[Operation] = field(default_factory=list)


def sections(document: dict[str, Any]) -> list[Section]:
    """All operations by noun, in the order of the document."""
    found: dict[str, Section] = {}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                name = _noun(path)
                section = found.setdefault(name, Section(name))
                section.operations.append(_operation(path, method, methods[method]))
    return sorted(found.values(), key=lambda section: section.name)


def _noun(path: str) -> str:
    top, *rest = [part for part in path.split("/") if part] or [""]
    if top != "api":
        return top if top in ("oauth", "auth") else "server"
    return rest[0] if rest[0] == "flow" else rest[1].replace("_", " ")


def _operation(path: str, method: str, described: dict[str, Any]) -> Operation:
    words, _, more = " ".join(described.get("description", "").split()).partition(". ")
    parameters = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    identifier = f"{method}-{path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}"
    return Operation(identifier, method.upper(), path, words.rstrip(".") + ".", more, parameters)
