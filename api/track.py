"""The order of one shard's batches, as one replica hears them. Plain: no clock, no waiting, no sockets.

Messages may be lost, doubled and swapped on their way; what leaves here is in order and once, or is
declared lost.
"""

from collections.abc import Sequence

from cluster.events import Batch


class Track:
    """Where we are in the batches of one shard.

    Starts before the first batch of whatever epoch is heard first: replica names are never used twice, so
    every batch that a shard counted for us is one that we should have heard.
    """

    def __init__(self, held_max: int) -> None:
        self.epoch: int | None = None
        self.position = 0
        self.lost = False
        """Whether something was lost for good since `take_loss` was last called."""
        self._held_max = held_max
        self._held: dict[int, Batch] = {}
        self._target = 0

    @property
    def missing(self) -> bool:
        """Whether batches after `position` exist that have not arrived."""
        return self._target > self.position

    def accept(self, batch: Batch) -> list[Batch]:
        """The batches that can be delivered now that `batch` arrived."""
        if self.epoch is None:
            self.epoch = batch.epoch
        elif batch.epoch < self.epoch:
            return []  # a former owner that does not know it yet
        elif batch.epoch > self.epoch or self._counts_anew(batch):
            self._restart(batch.epoch)
        self._target = max(self._target, batch.sequence)
        if batch.deliveries and batch.sequence > self.position:
            self._held[batch.sequence] = batch
        ready = self._ready()
        if len(self._held) > self._held_max:
            return ready + self.give_up()
        return ready

    def fill(self, batches: Sequence[Batch]) -> list[Batch]:
        """Like `accept`, for what the shard still remembered."""
        return [ready for batch in batches for ready in self.accept(batch)]

    def give_up(self) -> list[Batch]:
        """Declare lost what is missing before the first batch at hand; what can be delivered then."""
        if not self.missing:
            return []
        self.lost = True
        self.position = min(self._held) - 1 if self._held else self._target
        return self._ready()

    def take_loss(self) -> bool:
        """Whether something was lost since the last call."""
        lost, self.lost = self.lost, False
        return lost

    def reset(self) -> None:
        """Declare everything lost: the shard has probably forgotten this replica and counts from 1 again."""
        if self.epoch is not None:
            self._restart(self.epoch)

    def _counts_anew(self, batch: Batch) -> bool:
        # A heartbeat repeats the last sequence; a lower one means that the shard forgot us in between.
        return not batch.deliveries and batch.sequence < self.position

    def _restart(self, epoch: int) -> None:
        self.epoch, self.position, self._target, self.lost = epoch, 0, 0, True
        self._held.clear()

    def _ready(self) -> list[Batch]:
        ready = []
        while (batch := self._held.pop(self.position + 1, None)) is not None:
            ready.append(batch)
            self.position += 1
        return ready
