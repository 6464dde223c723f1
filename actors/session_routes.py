"""From a session to its shard: which shard to ask, and one question per shard for all who ask at once."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from actors.ports import Grant, Tokens
from actors.states.sessions import session_of
from cluster.errors import OAuthError
from cluster.settings import Settings
from cluster.sharding import assign, slot_of
from cluster.topology import session_shards

Call = Callable[[str, str, dict[str, Any]], Awaitable[Any]]
"""Calls a shard's method by name with keyword arguments. Raises only errors of our own family."""

ASK_MAX = 1000  # sessions in one question


class RoutedSessions:
    """The `Sessions` port over `call`. Reads are asked twice before they fail, writes once."""

    def __init__(self, *, settings: Settings, call: Call) -> None:
        names = session_shards(settings)
        self._call = call
        self._owners = assign(names)
        self._turns = itertools.cycle(names)
        self._askers = {name: LiveAsker(name, call) for name in names}

    async def create(self, grant: Grant) -> Tokens:
        """Open a session in the next shard's turn: each makes ids of its own slots."""
        tokens: Tokens = await self._call(next(self._turns), "create", {"grant": grant})
        return tokens

    async def refresh(self, *, refresh_token: str, app_id: int, scopes: tuple[str, ...] = ()) -> Tokens:
        """Rotate a refresh token."""
        session_id = session_of(refresh_token)
        if session_id is None:
            raise OAuthError("invalid_grant", "The refresh token is unknown")
        arguments = {"refresh_token": refresh_token, "app_id": app_id, "scopes": scopes}
        tokens: Tokens = await self._call(self._shard_of(session_id), "refresh", arguments)
        return tokens

    async def revoke(self, *, session_ids: Sequence[int], reason: str) -> None:
        """End sessions, in all their shards at once."""
        groups: dict[str, list[int]] = {}
        for identifier in session_ids:
            groups.setdefault(self._shard_of(identifier), []).append(identifier)
        await asyncio.gather(
            *(
                self._call(shard, "revoke", {"session_ids": group, "reason": reason})
                for shard, group in groups.items()
            )
        )

    async def live(self, *, session_ids: Sequence[int]) -> list[bool]:
        """Which of these sessions are alive."""
        asked = [self._askers[self._shard_of(identifier)].ask(identifier) for identifier in session_ids]
        return list(await asyncio.gather(*asked))

    def _shard_of(self, session_id: int) -> str:
        return self._owners[slot_of(session_id)]


class LiveAsker:
    """Gathers what is asked of one shard while a question is under way, and asks it in the next one.

    A caller that goes away takes only its own answer with it.
    """

    def __init__(self, shard: str, call: Call) -> None:
        self._shard = shard
        self._call = call
        self._waiting: dict[int, list[asyncio.Future[bool]]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def ask(self, session_id: int) -> bool:
        """Whether the session is alive. Raises Unavailable."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(session_id, []).append(future)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_all())
        return await future

    async def _ask_all(self) -> None:
        while self._waiting:
            batch = {identifier: self._waiting.pop(identifier) for identifier in [*self._waiting][:ASK_MAX]}
            try:
                answers = await self._ask_twice([*batch])
            except Exception as error:
                _settle(batch, error)
            else:
                for (_, futures), alive in zip(batch.items(), answers, strict=True):
                    for future in futures:
                        if not future.done():
                            future.set_result(alive)

    async def _ask_twice(self, session_ids: list[int]) -> list[bool]:
        arguments = {"session_ids": session_ids}
        try:
            answers: list[bool] = await self._call(self._shard, "live", arguments)
        except Exception:
            answers = await self._call(self._shard, "live", arguments)
        return answers


def _settle(batch: dict[int, list[asyncio.Future[bool]]], error: Exception) -> None:
    for futures in batch.values():
        for future in futures:
            if not future.done():
                future.set_exception(error)
