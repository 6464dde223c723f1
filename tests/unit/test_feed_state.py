"""A shard's state in the hand: who gets what, who hears of it, loading, eviction, merging."""

from collections.abc import Iterator

import orjson
import pytest

from actors.states.feed import FeedState
from actors.states.feed_applied import Applied
from actors.states.feed_loads import Loads
from cluster.errors import Overloaded
from cluster.events import (
    AccountChanged,
    Batch,
    Delivery,
    Event,
    Notified,
    OutboxRow,
    RelationChanged,
    StatusDeleted,
    StatusEdited,
    StatusPosted,
    StatusTouched,
    ViewerChanged,
)
from cluster.settings import Feeds
from cluster.sharding import SLOTS
from db.pages import Window

ANN, BOB, CAT, DAN = 11, 12, 13, 14
ALL = Window(limit=1000)


def run(slices: Iterator[None]) -> int:
    """Apply to the end; returns how often a read could have gone in between."""
    return sum(1 for _ in slices)


class Shard:
    """A state that owns every slot, fed with numbered rows."""

    def __init__(self, **options: int) -> None:
        self.state = FeedState(
            shard="feeds-0", epoch=3, slots=range(SLOTS), settings=Feeds(**{"length_max": 10, **options})
        )
        self.rows = 0

    def load(self, who: int, *follows: int, quiet: tuple[int, ...] = (), ids: tuple[int, ...] = ()) -> None:
        self.state.begin(who)
        assert self.state.finish(who, targets=follows, quiet=quiet, ids=ids)

    def tell(self, *events: Event) -> list[OutboxRow]:
        rows = []
        for event in events:
            self.rows += 1
            rows.append(OutboxRow(self.rows, event))
        run(self.state.told(rows))
        return rows

    def home(self, who: int) -> list[int]:
        part = self.state.home(who, ALL)
        assert part is not None
        return part.ids

    def heard(self, replica: str = "r") -> list[Delivery]:
        batches = [
            Batch.from_wire(orjson.loads(data))
            for name, data in self.state.replicas.take()
            if name == replica
        ]
        return [delivery for batch in batches for delivery in batch.deliveries]


def _post(status_id: int, author: int, **more: object) -> StatusPosted:
    return StatusPosted(status_id, author, str(more.pop("visibility", "public")), **more)  # type: ignore[arg-type]


def _json(event: Event) -> object:
    return orjson.loads(orjson.dumps(event.row()))


def test_a_post_reaches_followers_and_its_author_only() -> None:
    shard = Shard()
    shard.load(ANN)
    shard.load(BOB, ANN)
    shard.load(CAT, BOB)
    shard.tell(_post(1, ANN), _post(2, ANN, visibility="private"))
    assert (shard.home(ANN), shard.home(BOB), shard.home(CAT)) == ([2, 1], [2, 1], [])


def test_a_direct_post_reaches_mentioned_followers_and_its_author() -> None:
    shard = Shard()
    for who in (BOB, CAT):
        shard.load(who, ANN)
    shard.load(ANN)
    shard.load(DAN)
    shard.tell(_post(1, ANN, visibility="direct", mentions=[BOB, DAN]))
    assert [shard.home(who) for who in (ANN, BOB, CAT, DAN)] == [[1], [1], [], []]


def test_a_reply_reaches_those_who_follow_both_and_the_one_it_answers() -> None:
    shard = Shard()
    shard.load(ANN)
    shard.load(BOB, ANN, CAT)
    shard.load(CAT, ANN)
    shard.load(DAN, ANN)
    shard.tell(_post(1, ANN, in_reply_to_id=9, in_reply_to_account_id=CAT))
    shard.tell(_post(2, ANN, in_reply_to_id=1, in_reply_to_account_id=ANN))
    assert [shard.home(who) for who in (ANN, BOB, CAT, DAN)] == [[2, 1], [2, 1], [2, 1], [2]]


@pytest.mark.parametrize("merge_from", [1, 1000])
def test_reblogs_stay_away_from_those_who_do_not_want_them(merge_from: int) -> None:
    shard = Shard(merge_followers_min=merge_from)
    shard.load(ANN)
    shard.load(BOB, ANN, quiet=(ANN,))
    shard.load(CAT, ANN)
    shard.tell(_post(1, ANN, reblog_of_id=9, reblog_of_account_id=DAN), _post(2, ANN))
    assert [shard.home(who) for who in (ANN, BOB, CAT)] == [[2, 1], [2], [2, 1]]


def test_a_row_that_is_told_twice_or_swept_after_telling_counts_once() -> None:
    shard = Shard()
    shard.load(BOB, ANN)
    shard.state.replicas.watch("r", BOB, now=0)
    rows = shard.tell(_post(1, ANN))
    run(shard.state.told(rows))
    run(shard.state.swept([rows[0].id], rows))
    run(shard.state.told(rows))
    assert shard.home(BOB) == [1]
    assert len(shard.heard()) == 1


def test_a_deleted_post_does_not_come_back_when_it_is_told_late() -> None:
    shard = Shard()
    shard.load(BOB, ANN)
    posted, deleted = OutboxRow(1, _post(1, ANN)), OutboxRow(2, StatusDeleted(1, ANN, "public"))
    run(shard.state.told([deleted]))
    run(shard.state.told([posted]))
    assert shard.home(BOB) == []
    run(shard.state.swept([1, 2], []))
    assert shard.home(BOB) == []


def test_a_post_of_many_followers_leaves_all_their_feeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.states.feed.REMOVE_ROWS", 2)
    shard = Shard()
    followers = range(100, 107)
    for who in followers:
        shard.load(who, ANN)
    shard.tell(_post(1, ANN), _post(2, ANN))
    shard.tell(StatusDeleted(1, ANN, "public"))
    assert [shard.home(who) for who in followers] == [[2]] * 7
    while shard.state.tidy():
        pass
    run(shard.state.swept(range(1, 4), []))
    assert [shard.home(who) for who in followers] == [[2]] * 7


def test_what_happens_during_a_load_is_in_the_feed_and_is_heard_once() -> None:
    shard = Shard()
    shard.state.replicas.watch("r", BOB, now=0)
    shard.state.begin(BOB)
    shard.tell(_post(5, ANN), _post(6, ANN), _post(7, CAT), StatusDeleted(6, ANN, "public"))
    assert shard.state.finish(BOB, targets=(ANN,), quiet=(), ids=(5, 4))
    assert shard.home(BOB) == [5, 4]
    mine = [delivery for delivery in shard.heard() if BOB in delivery.audience]
    assert [delivery.row.event.row() for delivery in mine] == [_json(_post(5, ANN))]


def test_a_load_that_missed_a_change_begins_again() -> None:
    shard = Shard()
    shard.state.begin(BOB)
    shard.tell(RelationChanged(BOB, ANN, "follow"), _post(5, ANN))
    assert not shard.state.finish(BOB, targets=(), quiet=(), ids=())
    shard.state.begin(BOB)
    assert shard.state.finish(BOB, targets=(ANN,), quiet=(), ids=(5,))
    assert shard.home(BOB) == [5]


@pytest.mark.parametrize("change", ["follow", "unfollow", "block"])
def test_a_change_of_follows_drops_the_feed_and_reloads_it_when_watched(change: str) -> None:
    shard = Shard()
    for who in (ANN, BOB, CAT):
        shard.load(who, DAN)
    shard.state.replicas.watch("r", BOB, now=0)
    shard.tell(RelationChanged(BOB, ANN, change))
    assert not shard.state.loaded(BOB)
    assert shard.state.loaded(ANN) == (change != "block")
    assert shard.state.loaded(CAT)
    assert shard.state.reloads == [BOB]


@pytest.mark.parametrize("change", ["mute", "unmute", "request", "unrequest", "unblock"])
def test_other_changes_leave_the_feed_alone(change: str) -> None:
    shard = Shard()
    shard.load(BOB, ANN)
    shard.tell(RelationChanged(BOB, ANN, change))
    assert shard.state.loaded(BOB)


def test_when_an_account_goes_its_followers_feeds_are_read_again() -> None:
    shard = Shard()
    shard.load(BOB, ANN)
    shard.load(CAT)
    shard.tell(AccountChanged(ANN))
    assert shard.state.loaded(BOB)
    shard.tell(AccountChanged(ANN, gone=True))
    assert not shard.state.loaded(BOB)
    assert shard.state.loaded(CAT)


def test_the_least_recently_read_feed_makes_room_and_a_watched_one_does_not() -> None:
    shard = Shard(users_max=3)
    for who in (ANN, BOB, CAT):
        shard.load(who)
    shard.state.replicas.watch("r", BOB, now=0)
    shard.home(ANN)
    shard.load(DAN)
    assert [shard.state.loaded(who) for who in (ANN, BOB, CAT, DAN)] == [True, True, False, True]
    for who in (ANN, DAN):
        shard.state.replicas.watch("r", who, now=0)
    with pytest.raises(Overloaded):
        shard.load(CAT)


def test_an_evicted_feed_gets_nothing_until_it_is_loaded_again() -> None:
    shard = Shard(users_max=1)
    shard.load(BOB, ANN)
    shard.load(CAT, ANN)
    shard.tell(_post(1, ANN))
    assert shard.state.home(BOB, ALL) is None
    assert shard.home(CAT) == [1]
    assert shard.state.stats()["edges"] == 2


def test_an_author_of_many_is_merged_at_read_time_and_nothing_is_lost() -> None:
    shard = Shard(merge_followers_min=3)
    shard.load(BOB, ANN, ids=(1,))
    shard.tell(_post(2, ANN))
    shard.load(CAT, ANN, ids=(2, 1))
    shard.load(DAN, ANN, BOB, ids=(2, 1))
    shard.tell(_post(3, ANN), _post(4, ANN, in_reply_to_account_id=BOB), _post(5, BOB))
    assert shard.state.stats()["merged_authors"] == 1
    assert [shard.home(who) for who in (BOB, CAT, DAN)] == [[5, 4, 3, 2, 1], [3, 2, 1], [5, 4, 3, 2, 1]]
    shard.tell(StatusDeleted(3, ANN, "public"))
    assert shard.home(CAT) == [2, 1]
    for ident in range(10, 30):
        shard.tell(_post(ident, ANN))
    part = shard.state.home(CAT, ALL)
    assert part is not None
    assert part.ids == list(range(29, 19, -1))
    assert part.floor == 20


def test_windows_cut_what_is_known_and_the_floor_says_where_it_ends() -> None:
    shard = Shard()
    shard.load(BOB, ANN, ids=tuple(range(20, 10, -1)))
    home = shard.state.home
    part = home(BOB, Window(limit=3))
    assert part is not None and (part.ids, part.floor) == ([20, 19, 18], 11)
    assert home(BOB, Window(limit=3, max_id=15)).ids == [14, 13, 12]  # type: ignore[union-attr]
    assert home(BOB, Window(limit=3, since_id=18)).ids == [20, 19]  # type: ignore[union-attr]
    assert home(BOB, Window(limit=3, min_id=12)).ids == [15, 14, 13]  # type: ignore[union-attr]
    assert home(CAT, Window()) is None


def test_rows_go_to_whom_they_concern_and_primary_ones_to_who_asked_for_them() -> None:
    shard = Shard()
    for who in (BOB, CAT):
        shard.load(who, ANN)
    replicas = shard.state.replicas
    replicas.register("all", primary=True, now=0)
    replicas.watch("r", BOB, now=0)
    replicas.watch("all", CAT, now=0)
    events = [
        _post(1, ANN),
        Notified(2, BOB, "follow", CAT),
        ViewerChanged(CAT, "reaction", 1),
        RelationChanged(DAN, BOB, "mute"),
        StatusTouched(1, ANN),
        StatusEdited(1, ANN, "public"),
        StatusDeleted(1, ANN, "public"),
    ]
    shard.tell(*events)
    messages = replicas.take()
    by_replica = {
        name: [d for n, data in messages if n == name for d in Batch.from_wire(orjson.loads(data)).deliveries]
        for name in ("r", "all")
    }
    assert [(d.row.event.kind, d.audience, d.primary) for d in by_replica["r"]] == [
        ("posted", (BOB,), True),
        ("notified", (BOB,), True),
        ("relation", (BOB,), True),
        ("edited", (BOB,), True),
        ("deleted", (BOB,), True),
    ]
    assert [d.row.event.row() for d in by_replica["all"]] == [_json(event) for event in events]
    assert [d.audience for d in by_replica["all"]] == [(CAT,), (), (CAT,), (), (), (CAT,), (CAT,)]


def test_sequences_have_no_holes_and_history_fills_what_was_missed() -> None:
    shard = Shard(replica_batches_max=3)
    shard.load(BOB, ANN)
    replicas = shard.state.replicas
    replicas.watch("r", BOB, now=0)
    sent = []
    for ident in range(1, 6):
        shard.tell(_post(ident, ANN))
        sent += [Batch.from_wire(orjson.loads(data)) for _, data in replicas.take()]
    assert [batch.sequence for batch in sent if batch.deliveries] == [1, 2, 3, 4, 5]
    assert {(batch.shard, batch.epoch) for batch in sent} == {("feeds-0", 3)}
    missed = replicas.history("r", epoch=3, after=3)
    assert missed is not None
    assert [orjson.loads(data)[2] for data in missed] == [4, 5]
    assert replicas.history("r", epoch=3, after=5) == []
    assert replicas.history("r", epoch=3, after=1) is None, "that history is gone"
    assert replicas.history("r", epoch=2, after=4) is None
    assert replicas.history("nobody", epoch=3, after=0) is None
    replicas.lose_all()
    assert replicas.history("r", epoch=3, after=5) is None
    assert [orjson.loads(data)[2] for _, data in replicas.heartbeats()] == [6]


def test_a_forgotten_replica_hears_nothing_and_returns_with_a_hole() -> None:
    shard = Shard(replica_ttl_s=30)
    shard.load(BOB, ANN)
    replicas = shard.state.replicas
    replicas.watch("r", BOB, now=0)
    shard.tell(_post(1, ANN))
    replicas.take()
    replicas.expire(31)
    assert (len(replicas), replicas.watched) == (0, 0)
    shard.tell(_post(2, ANN))
    assert replicas.take() == []
    replicas.register("r", primary=False, now=32)
    assert [orjson.loads(data)[2] for _, data in replicas.take()] == [2]


def test_unwatching_ends_deliveries_for_that_replica_only() -> None:
    shard = Shard()
    shard.load(BOB, ANN)
    replicas = shard.state.replicas
    for name in ("r", "s"):
        replicas.watch(name, BOB, now=0)
    replicas.unwatch("r", [BOB])
    shard.tell(_post(1, ANN))
    assert [name for name, data in replicas.take() if orjson.loads(data)[3]] == ["s"]


def test_a_shard_notices_only_a_status_that_it_has_not_heard_of() -> None:
    shard = Shard()
    chained = [_post(number, ANN, after=number - 1) for number in (1, 2, 3, 4)]
    rows = [OutboxRow(event.status_id, event) for event in chained]
    assert not shard.state.chain.broken_by(rows[:2])
    assert shard.state.chain.broken_by([rows[2], rows[1]])
    run(shard.state.told(rows[:2]))
    assert not shard.state.chain.broken_by(rows[2:])
    assert shard.state.chain.broken_by(rows[3:])
    run(shard.state.swept([3], [rows[2]]))
    assert not shard.state.chain.broken_by(rows[3:])


def test_much_work_is_done_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.states.feed.SLICE_PUTS", 4)
    shard = Shard()
    for who in (BOB, CAT, DAN):
        shard.load(who, ANN)
    rows = [OutboxRow(number, _post(number, ANN)) for number in range(1, 6)]
    assert run(shard.state.told(rows)) == 2
    assert shard.home(DAN) == [5, 4, 3, 2, 1]


def test_more_replicas_than_bits_are_refused() -> None:
    replicas = Shard().state.replicas
    for number in range(64):
        replicas.register(f"r{number}", primary=False, now=0)
    with pytest.raises(Overloaded):
        replicas.register("r64", primary=False, now=0)


def test_what_the_sweep_has_forgotten_is_left_to_the_sweep() -> None:
    applied = Applied(forgotten=10, swept_max=2)
    assert applied.take_told([5, 11, 12]) == {11, 12}
    assert applied.missing([11, 13]) == [13]
    assert applied.take_swept([11, 12, 13, 5]) == [13, 5]
    assert applied.ahead == 0
    assert applied.take_told([12, 13, 14]) == {14}


def test_a_log_that_overflows_makes_every_load_begin_again() -> None:
    loads = Loads(log_max=2)
    loads.begin(ANN)
    rows = [OutboxRow(number, _post(number, BOB)) for number in range(4)]
    assert [loads.note(row) for row in rows] == [True, True, False, True]
    assert loads.stale(ANN)
    loads.begin(ANN)
    assert not loads.stale(ANN)
    assert list(loads.finish(ANN)) == rows[3:]


def test_each_load_replays_from_where_it_began() -> None:
    loads = Loads()
    rows = [OutboxRow(number, _post(number, BOB)) for number in range(4)]
    loads.begin(ANN)
    loads.note(rows[0])
    loads.begin(BOB)
    loads.note(rows[1])
    assert list(loads.finish(ANN)) == rows[:2]
    loads.note(rows[2])
    assert list(loads.finish(BOB)) == rows[1:3]
    assert loads.note(rows[3])
    assert len(loads) == 0
