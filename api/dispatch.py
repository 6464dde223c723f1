"""Finds the handler of a request by one walk through its path, and calls it directly.

FastAPI tries route after route, resolves dependencies and opens exit stacks for every request: about 60 us,
where a whole home page costs 25. Our handlers take the request and their path parameters as text and return
a response, so nothing of that is needed. Whatever is not known here (documents, 404, 405) goes on to FastAPI.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, get_type_hints

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api import problems

Handler = Callable[..., Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Target:
    route: APIRoute
    handler: Handler
    names: tuple[str, ...]  # of the path parameters, in their order


class _Node:
    """A segment of a path. `named` is the branch of a parameter."""

    __slots__ = ("children", "named", "targets")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.named: _Node | None = None
        self.targets: dict[str, _Target] = {}


class Dispatch:
    """ASGI middleware, the innermost one. Where a fixed segment and a parameter both fit, the fixed wins."""

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._root = _Node()
        for route in routes:
            if isinstance(route, APIRoute) and _is_plain(route):
                self._add(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is known, pass on the rest."""
        found = self._find(scope) if scope["type"] == "http" and not scope.get("root_path") else None
        if found is None:
            await self._app(scope, receive, send)
            return
        target, values = found
        scope["route"] = target.route  # metrics ask for its template
        scope["path_params"] = parameters = dict(zip(target.names, values, strict=True))
        request = Request(scope, receive, send)
        try:
            response = await target.handler(request, **parameters)
        except Exception as error:
            response = await problems.answer_error(request, error)
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> tuple[_Target, list[str]] | None:
        node = self._root
        values: list[str] = []
        for segment in scope["path"].split("/"):
            child = node.children.get(segment)
            if child is None:
                child = node.named
                if child is None or not segment:
                    return None
                values.append(segment)
            node = child
        target = node.targets.get(scope["method"])
        return None if target is None else (target, values)

    def _add(self, route: APIRoute) -> None:
        node = self._root
        for segment in route.path.split("/"):
            if segment.startswith("{"):
                node.named = node.named or _Node()
                node = node.named
            else:
                node = node.children.setdefault(segment, _Node())
        target = _Target(route, route.endpoint, tuple(_parameters(route.path)))
        for method in route.methods or ():
            node.targets.setdefault(method, target)


def _parameters(path: str) -> list[str]:
    return [segment[1:-1] for segment in path.split("/") if segment.startswith("{")]


def _is_plain(route: APIRoute) -> bool:
    """Whether the handler can be called with the request and text for each parameter, and nothing else."""
    if "{" in "".join(segment for segment in route.path.split("/") if not segment.startswith("{")):
        return False
    expected: dict[str, Any] = {"request": Request, **dict.fromkeys(_parameters(route.path), str)}
    hints = get_type_hints(route.endpoint)
    answer = hints.pop("return", None)
    return (
        hints == expected
        and inspect.iscoroutinefunction(route.endpoint)
        and inspect.isclass(answer)
        and issubclass(answer, Response)
        and not route.dependencies
    )
