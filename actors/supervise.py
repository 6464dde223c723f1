"""Creates, finds, drains and replaces shard actors. They are named and detached.

Works for every shard class with the constructor and the methods of `Shard`.
"""

import asyncio
import gc
import os
from collections.abc import Sequence
from typing import Any, Protocol

import ray
from ray import exceptions
from ray.actor import ActorHandle

from cluster.clock import Clock, SystemClock
from cluster.errors import SocialFlowError, Unavailable
from cluster.observe import configure_logging, logger
from cluster.settings import Settings
from cluster.topology import NAMESPACE
from db.bus import Bus
from db.pool import Pool

MAX_CONCURRENCY = 256  # calls in one actor; readers that wait for a load hold one each
PENDING_MAX = 2_000  # calls waiting in one caller: handles keep one or a few, so this is a safety net
CPUS = 0.001  # shards share the cores with everybody; the operator's resources place them
GC_THRESHOLD = (50_000, 20, 20)  # events come by the hundred and hold no cycles; looking was 20 % of the time
UP_TIMEOUT_S = 30.0
PING_TIMEOUT_S = 2.0
STOP_TIMEOUT_S = 5.0
LEAVE_S = 1.0

log = logger("supervise")


class Shard(Protocol):
    """What supervision asks of a shard."""

    def __init__(
        self, name: str, *, settings: Settings, pool: Pool, bus: Bus, clock: Clock, on_fenced: Any
    ): ...

    @property
    def epoch(self) -> int: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


def actor_class(shard: type[Shard]) -> type[Any]:
    """The shard as a Ray actor's class: it makes its own connections, and leaves when it is fenced off."""

    class Actor(shard):  # type: ignore[misc, valid-type]
        """A shard in a process of its own."""

        def __init__(self, name: str, settings: Settings) -> None:
            configure_logging(level=settings.log_level, as_json=settings.log_json)
            gc.set_threshold(*GC_THRESHOLD)
            self._own_pool = Pool(settings.postgres)
            self._own_bus = Bus(settings.redis.url)
            super().__init__(
                name,
                settings=settings,
                pool=self._own_pool,
                bus=self._own_bus,
                clock=SystemClock(),
                on_fenced=self._leave,
            )

        async def up(self) -> int:
            """Start, and say the epoch: 0 while Postgres is away."""
            try:
                await self.start()
            except SocialFlowError:
                return 0
            return int(self.epoch)

        async def pid(self) -> int:
            """The process."""
            return os.getpid()

        async def drain(self) -> None:
            """Finish and close connections; the actor can be killed then without losing anything."""
            await self.stop()
            await self._own_bus.close()
            await self._own_pool.close()

        def _leave(self) -> None:
            # Ray's own way to end an actor for good: one that exits by itself is started again, and would
            # take the shard back from its successor. A zombie's raylet is gone, so nothing may come of it.
            ray.get_runtime_context().current_actor.__ray_terminate__.remote()
            asyncio.get_running_loop().call_later(LEAVE_S, os._exit, 1)

    Actor.__name__ = Actor.__qualname__ = f"{shard.__name__}Actor"
    return Actor


def create(
    shard: type[Shard], *, name: str, settings: Settings, namespace: str = NAMESPACE
) -> ActorHandle[Any]:
    """The actor of that name, made if there is none. It restarts for ever; Ray repeats no call."""
    handle: ActorHandle[Any] = (
        ray.remote(actor_class(shard))
        .options(
            name=name,
            namespace=namespace,
            lifetime="detached",
            get_if_exists=True,
            num_cpus=CPUS,
            max_restarts=-1,
            max_task_retries=0,
            max_concurrency=MAX_CONCURRENCY,
            max_pending_calls=PENDING_MAX,
        )
        .remote(name, settings)
    )
    return handle


async def bring_up(
    shard: type[Shard], *, names: Sequence[str], settings: Settings, namespace: str = NAMESPACE
) -> dict[str, int]:
    """Create all actors of a kind and wait until each has claimed its shard; returns their epochs.

    Raises Unavailable when one has not within 30 s."""
    handles = {name: create(shard, name=name, settings=settings, namespace=namespace) for name in names}
    deadline = asyncio.get_running_loop().time() + UP_TIMEOUT_S
    epochs: dict[str, int] = {}
    while len(epochs) < len(names):
        for name in names:
            if name not in epochs:
                epoch = await _ask(handles[name], "up", timeout_s=PING_TIMEOUT_S)
                if epoch:
                    epochs[name] = epoch
        if len(epochs) < len(names):
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable(f"shards did not start: {', '.join(sorted(set(names) - set(epochs)))}")
            await asyncio.sleep(0.05)
    return epochs


async def take_down(*, names: Sequence[str], namespace: str = NAMESPACE) -> None:
    """Drain and kill the actors of these names; those that do not answer are only killed."""
    await asyncio.gather(*(_take_down(name, namespace) for name in names))


async def _take_down(name: str, namespace: str) -> None:
    try:
        handle = await asyncio.to_thread(ray.get_actor, name, namespace=namespace)
    except (ValueError, exceptions.RayError):
        return
    await _ask(handle, "drain", timeout_s=STOP_TIMEOUT_S)
    ray.kill(handle, no_restart=True)


async def replace_frozen(
    *, names: Sequence[str], namespace: str = NAMESPACE, patience_s: float = 10.0
) -> list[str]:
    """Kill actors that hang, so that Ray starts them again: it notices a dead process, never a frozen one.

    Returns whom it replaced. An actor that Ray is restarting is left alone."""
    replaced = []
    for name in names:
        try:
            handle = await asyncio.to_thread(ray.get_actor, name, namespace=namespace)
        except (ValueError, exceptions.RayError):
            continue
        if await _ask(handle, "pid", timeout_s=patience_s) is None:
            log.warning("shard is frozen", shard=name)
            ray.kill(handle, no_restart=False)
            replaced.append(name)
    return replaced


async def _ask(handle: ActorHandle[Any], method: str, *, timeout_s: float) -> Any:
    """The answer, or None when there is none in time or at all."""
    pending = asyncio.ensure_future(_answer(getattr(handle, method).remote()))
    pending.add_done_callback(lambda done: done.cancelled() or done.exception())
    done, _ = await asyncio.wait({pending}, timeout=timeout_s)
    if not done or pending.exception() is not None:
        return None
    return pending.result()


async def _answer(reference: Any) -> Any:
    return await reference
