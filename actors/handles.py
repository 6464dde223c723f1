"""Ray handles of shards: the only place that knows Ray's exceptions. Deadlines, errors unwrapped.

A call that is late is left alone, never cancelled: it may have been done. Callers repeat only what may be.
"""

import asyncio
from typing import Any

import ray
from ray import exceptions
from ray.actor import ActorHandle

from actors.routed_feeds import RoutedFeeds
from cluster.errors import Overloaded, SocialFlowError, Unavailable
from cluster.settings import Settings
from cluster.topology import NAMESPACE

GONE = (exceptions.ActorDiedError, exceptions.ActorUnschedulableError)
"""The handle will never work again; a successor has the same name."""

FIND_TIMEOUT_S = 1.0  # the name lookup asks the GCS, which may be restarting


class RayShards:
    """Calls shard actors by name, inside one namespace. Handles are kept until their actor is gone."""

    def __init__(self, namespace: str = NAMESPACE) -> None:
        self._namespace = namespace
        self._handles: dict[str, ActorHandle[Any]] = {}
        self._late: set[asyncio.Future[Any]] = set()

    async def call(self, shard: str, method: str, *args: Any, timeout_s: float, **kwargs: Any) -> Any:
        """The method's answer. Raises its error; Unavailable or Overloaded for whatever Ray says."""
        handle = self._handles.get(shard) or await self._find(shard)
        try:
            pending = asyncio.ensure_future(_answer(getattr(handle, method).remote(*args, **kwargs)))
        except exceptions.PendingCallsLimitExceeded as error:
            raise Overloaded(f"too many calls to shard {shard} are waiting") from error
        except exceptions.RayError as error:
            self._handles.pop(shard, None)
            raise Unavailable(f"shard {shard} cannot be called") from error
        self._late.add(pending)
        pending.add_done_callback(self._forget)
        done, _ = await asyncio.wait({pending}, timeout=timeout_s)
        if not done:
            raise Unavailable(f"shard {shard} did not answer in time")
        return self._unwrap(shard, pending)

    def _forget(self, pending: "asyncio.Future[Any]") -> None:
        self._late.discard(pending)
        if not pending.cancelled():
            pending.exception()

    def _unwrap(self, shard: str, done: "asyncio.Future[Any]") -> Any:
        try:
            return done.result()
        except exceptions.RayTaskError as error:
            if isinstance(error.cause, SocialFlowError):
                raise error.cause from None
            raise
        except GONE as error:
            self._handles.pop(shard, None)
            raise Unavailable(f"shard {shard} is gone") from error
        except exceptions.RayError as error:
            raise Unavailable(f"shard {shard} is being replaced") from error

    async def _find(self, shard: str) -> ActorHandle[Any]:
        lookup = asyncio.ensure_future(asyncio.to_thread(ray.get_actor, shard, namespace=self._namespace))
        self._late.add(lookup)
        lookup.add_done_callback(self._forget)
        done, _ = await asyncio.wait({lookup}, timeout=FIND_TIMEOUT_S)
        if not done:
            raise Unavailable(f"shard {shard} cannot be looked up in time")
        try:
            handle: ActorHandle[Any] = lookup.result()
        except (ValueError, exceptions.RayError) as error:  # ValueError: there is no such actor
            raise Unavailable(f"shard {shard} is not running") from error
        self._handles[shard] = handle
        return handle


async def _answer(reference: Any) -> Any:
    return await reference


class RayFeeds(RoutedFeeds):
    """The `Feeds` port over feed shard actors."""

    def __init__(self, *, settings: Settings, namespace: str = NAMESPACE) -> None:
        super().__init__(RayShards(namespace), settings=settings)
