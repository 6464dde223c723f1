"""Whatever the channel does to batches, each delivery is seen once and in order, or a loss is declared."""

from hypothesis import given, settings
from hypothesis import strategies as st

from api.track import Track
from cluster.events import Batch, Delivery, OutboxRow, StatusTouched

FATES = st.sampled_from(["arrives", "lost", "twice", "late", "heartbeat"])


class Shard:
    """What a shard remembers of what it told one replica."""

    def __init__(self, *, kept_max: int) -> None:
        self.epoch, self.sequence, self._rows, self._kept_max = 1, 0, 0, kept_max
        self.kept: list[Batch] = []
        self.told: list[int] = []

    def batch(self) -> Batch:
        self.sequence += 1
        self._rows += 1
        self.told.append(self._rows)
        delivery = Delivery(OutboxRow(self._rows, StatusTouched(1, 1)), primary=True)
        batch = Batch("feeds-0", self.epoch, self.sequence, (delivery,))
        self.kept = [*self.kept, batch][-self._kept_max :]
        return batch

    def heartbeat(self) -> Batch:
        return Batch("feeds-0", self.epoch, self.sequence)

    def catch_up(self, epoch: int, after: int) -> list[Batch] | None:
        if epoch != self.epoch or (self.kept and self.kept[0].sequence > after + 1):
            return None
        return [batch for batch in self.kept if batch.sequence > after]

    def forgets_the_replica(self) -> None:
        self.sequence, self.kept = 0, []

    def restarts(self) -> None:
        self.epoch += 1
        self.forgets_the_replica()


class Replica:
    """Hears batches and remembers rows; asks for what is missing after `patience` more messages."""

    def __init__(self, shard: Shard, *, held_max: int = 1000) -> None:
        self.seen: list[int] = []
        self.losses: list[int] = []  # how many rows had been seen when each loss was declared
        self._shard, self._track = shard, Track(held_max)

    def hear(self, batch: Batch) -> None:
        self._take(self._track.accept(batch))

    def catch_up(self) -> None:
        if self._track.missing:
            epoch = self._track.epoch
            assert epoch is not None
            batches = self._shard.catch_up(epoch, self._track.position)
            self._take(self._track.give_up() if batches is None else self._track.fill(batches))

    def _take(self, batches: list[Batch]) -> None:
        if self._track.take_loss():
            self.losses.append(len(self.seen))
        self.seen += [delivery.row.id for batch in batches for delivery in batch.deliveries]


def play(shard: Shard, replica: Replica, fates: list[str], *, ask_every: int) -> None:
    late: list[Batch] = []
    for number, fate in enumerate(fates):
        if fate == "heartbeat":
            replica.hear(shard.heartbeat())
        elif fate == "late":
            late.append(shard.batch())
        else:
            batch = shard.batch()
            for _ in range({"arrives": 1, "lost": 0, "twice": 2}[fate]):
                replica.hear(batch)
        if number % ask_every == 0:
            replica.catch_up()
            while late:
                replica.hear(late.pop())
    while late:
        replica.hear(late.pop())
    replica.hear(shard.heartbeat())
    replica.catch_up()


@given(fates=st.lists(FATES, max_size=60), ask_every=st.integers(1, 10))
@settings(max_examples=300, deadline=None)
def test_with_memory_at_the_shard_nothing_is_lost_doubled_or_swapped(
    fates: list[str], ask_every: int
) -> None:
    shard = Shard(kept_max=1000)
    replica = Replica(shard)
    play(shard, replica, fates, ask_every=ask_every)
    assert replica.seen == shard.told
    assert not replica.losses


@given(fates=st.lists(FATES, max_size=60), ask_every=st.integers(1, 10), kept_max=st.integers(1, 8))
@settings(max_examples=300, deadline=None)
def test_without_memory_what_is_missing_is_declared(fates: list[str], ask_every: int, kept_max: int) -> None:
    shard = Shard(kept_max=kept_max)
    replica = Replica(shard)
    play(shard, replica, fates, ask_every=ask_every)
    assert replica.seen == sorted(set(replica.seen))
    assert replica.losses or replica.seen == shard.told


@given(parts=st.lists(st.tuples(st.lists(FATES, max_size=20), st.booleans()), min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
def test_a_shard_that_starts_anew_or_forgets_us_is_noticed(parts: list[tuple[list[str], bool]]) -> None:
    shard = Shard(kept_max=1000)
    replica = Replica(shard)
    for fates, restarts in parts:
        play(shard, replica, fates, ask_every=3)
        before = len(replica.losses)
        counted = shard.sequence
        shard.restarts() if restarts else shard.forgets_the_replica()
        replica.hear(shard.heartbeat())
        assert len(replica.losses) == before + (1 if restarts or counted else 0)
    play(shard, replica, ["arrives", "lost", "arrives"], ask_every=1)
    assert replica.seen == sorted(set(replica.seen))
    assert replica.seen[-3:] == shard.told[-3:]


def test_a_former_owner_is_not_believed() -> None:
    shard = Shard(kept_max=10)
    replica = Replica(shard)
    replica.hear(shard.batch())
    zombie = Batch("feeds-0", 1, 2, shard.batch().deliveries)
    shard.restarts()
    replica.hear(shard.heartbeat())
    replica.hear(zombie)
    assert replica.seen == [1]


def test_a_track_holds_a_bounded_number_of_batches() -> None:
    shard = Shard(kept_max=1)
    replica = Replica(shard, held_max=5)
    shard.batch()  # lost
    for _ in range(6):
        replica.hear(shard.batch())
    assert replica.losses == [0]
    assert replica.seen == [2, 3, 4, 5, 6, 7]
