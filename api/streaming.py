"""Live delivery: what the inbox hears becomes events on open streams, in order, a round at a time.

While one round asks Postgres for what it needs, the next one gathers; so a burst costs a few questions, not
one per post, and nothing per reader but the send.
"""

import asyncio
import contextlib
import random
from collections.abc import Sequence

from api import stream_events, stream_facts
from api.close_codes import NEWS_LOST, Close
from api.context import Context
from api.hub import SENT, Connection, Hub
from api.stream_targets import Targets, targets_of
from cluster import observe
from cluster.errors import SocialFlowError
from cluster.events import Batch, Delivery

log = observe.logger("streaming")

ROUND_MAX = 256  # deliveries a round: their cards come from one query, and readers wait for all of them
# Between the beginnings of two rounds. Who comes first does not wait; in a flood, all that a socket gets in
# this time is one write for us, for HAProxy and for the client, and one question to Postgres.
ROUND_S_MIN = 0.008
WAITING_MAX = (
    20_000  # deliveries that wait for a round: minutes of posts; beyond, readers are told to come back
)
ATTEMPTS = 5
RETRY_S = 0.2  # Postgres restarts in seconds; with five attempts a round waits for it for three
GOODBYE_SPREAD_S = 2.0  # readers who must come back do not come back all at once


class Streams:
    """Listens to the inbox and feeds the hub; delivers between `start` and `close`.

    Make it after the caches began to listen to the inbox: readers are judged by what caches know.
    """

    def __init__(self, context: Context, hub: Hub) -> None:
        self._ctx = context
        self._hub = hub
        self._waiting: list[Delivery] = []
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        context.inbox.add_listener(self)
        context.tokens.add_listener(hub.close_sessions)

    def start(self) -> None:
        """Begin to deliver; safe to call again."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._beat())]

    async def close(self) -> None:
        """Stop delivering."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def on_delivery(self, delivery: Delivery, _batch: Batch) -> None:
        """Take one delivery in, if anybody may want it."""
        if not targets_of(self._hub, delivery):
            return
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.clear()
            self._part(list(self._hub.connections), NEWS_LOST)
        self._waiting.append(delivery)
        self._wake.set()

    def on_loss(self, shard: str) -> None:
        """Streams of this shard's people, and those of everybody's posts, have a hole: their readers are told
        to come back and fetch what they missed."""
        shard_of = self._ctx.inbox.shard_of
        self._part(
            [
                connection
                for connection in self._hub.connections
                if connection.account_id is None
                or shard_of(connection.account_id) in (shard, None)
                or connection.reads_others
            ],
            NEWS_LOST,
        )

    def _part(self, connections: Sequence[Connection], close: Close) -> None:
        loop = asyncio.get_running_loop()
        for connection in connections:
            loop.call_later(random.uniform(0, GOODBYE_SPREAD_S), self._hub.close, connection, close)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        began = 0.0
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await asyncio.sleep(began + ROUND_S_MIN - loop.time())
                began = loop.time()
                batch, self._waiting = self._waiting[:ROUND_MAX], self._waiting[ROUND_MAX:]
                round_ = [targets for delivery in batch if (targets := targets_of(self._hub, delivery))]
                try:
                    await self._deliver(round_)
                except Exception:  # a mistake in one round must not end all streams
                    log.exception("round_failed", deliveries=len(round_))
                    self._part(list(self._hub.connections), NEWS_LOST)

    async def _deliver(self, round_: list[Targets]) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                facts = await stream_facts.gather(self._ctx, self._hub, round_)
            except SocialFlowError as error:
                if attempt == ATTEMPTS:
                    raise
                log.warning("round_waits", attempt=attempt, cause=repr(error))
                await asyncio.sleep(RETRY_S * attempt)
            else:
                break
        before = self._hub.sent
        for targets in round_:
            stream_events.send(self._hub, targets, facts)
        SENT.inc(self._hub.sent - before)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._ctx.settings.streaming.heartbeat_s)
            self._hub.heartbeat()
