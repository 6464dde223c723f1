"""Rings and follow index against the plainest models of them, under random operations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.states import feed_rings
from actors.states.feed_index import FollowIndex, common
from actors.states.feed_rings import Rings
from actors.states.feed_walls import Wall

ROWS = 6
batches = st.lists(
    st.lists(st.tuples(st.integers(1, 60), st.sets(st.integers(0, ROWS - 1))), max_size=7), max_size=12
)


def _rows(numbers: object) -> np.ndarray:
    return np.array(sorted(numbers), np.int32)  # type: ignore[call-overload]


@given(batches=batches, length=st.integers(1, 5), apart_above=st.sampled_from([0, 2, 400]))
def test_a_ring_knows_everything_above_its_floor(
    batches: list[list[tuple[int, set[int]]]], length: int, apart_above: int
) -> None:
    """Both ways of scattering: alone and together."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed_rings, "SORTED_MAX", apart_above)
        rings = Rings(length=length)
        rows = [rings.allocate() for _ in range(ROWS)]
        everything: dict[int, set[int]] = {row: set() for row in rows}
        puts: dict[int, int] = dict.fromkeys(rows, 0)
        for batch in batches:
            count = rings.scatter([ident for ident, _ in batch], [_rows(who) for _, who in batch])
            assert count == sum(len(who) for _, who in batch)
            for ident, who in batch:
                for row in who:
                    everything[row].add(ident)
                    puts[row] += 1
        for row in rows:
            ids, floor = rings.read(row)
            assert ids.tolist() == sorted(ident for ident in everything[row] if ident > floor)
            if puts[row] <= length:
                assert floor == 0


@given(
    ids=st.lists(st.integers(1, 10**6), unique=True, max_size=40),
    length=st.integers(1, 10),
)
def test_in_order_a_ring_keeps_exactly_the_newest(ids: list[int], length: int) -> None:
    rings = Rings(length=length)
    row = rings.allocate()
    for ident in sorted(ids):
        rings.scatter([ident], [_rows([row])])
    assert rings.read(row)[0].tolist() == sorted(ids)[-length:]


def test_a_filled_ring_goes_on_where_it_was_filled() -> None:
    rings = Rings(length=4)
    row, other = rings.allocate(), rings.allocate()
    rings.fill(row, [40, 30, 20], floor=0)
    rings.scatter([50, 60], [_rows([row]), _rows([row, other])])
    assert rings.read(row)[0].tolist() == [30, 40, 50, 60]
    assert rings.read(row)[1] == 20
    assert rings.read(other) == ([60], 0)


def test_a_freed_row_is_empty_for_its_next_user() -> None:
    rings = Rings(length=3)
    row = rings.allocate()
    rings.scatter([1, 2, 3, 4], [_rows([row])] * 4)
    rings.free(row)
    assert rings.allocate() == row
    ids, floor = rings.read(row)
    assert (ids.tolist(), floor) == ([], 0)


def test_removing_and_finding_look_only_where_they_are_told() -> None:
    rings = Rings(length=3)
    rows = _rows([rings.allocate() for _ in range(4)])
    rings.scatter([7, 8], [rows, rows[:2]])
    assert rings.holders(8, rows).tolist() == [0, 1]
    assert rings.remove(7, rows[1:]).tolist() == [1, 2, 3]
    assert [rings.read(row)[0].tolist() for row in range(4)] == [[7, 8], [8], [], []]
    assert rings.holds(0, 7)
    assert not rings.holds(1, 7)


def test_memory_grows_in_blocks_and_keeps_what_it_held() -> None:
    rings = Rings(length=2)
    first = rings.allocate()
    rings.scatter([5], [_rows([first])])
    for _ in range(feed_rings.BLOCK_ROWS):
        rings.allocate()
    assert rings.capacity == 2 * feed_rings.BLOCK_ROWS
    assert rings.read(first)[0].tolist() == [5]


edges = st.dictionaries(st.integers(0, 9), st.dictionaries(st.integers(100, 109), st.booleans()), max_size=10)


@settings(max_examples=200)
@given(first=edges, dropped=st.sets(st.integers(0, 9)), second=edges)
def test_the_index_is_the_set_of_its_edges(
    first: dict[int, dict[int, bool]], dropped: set[int], second: dict[int, dict[int, bool]]
) -> None:
    index = FollowIndex()
    model: dict[int, dict[int, bool]] = {}
    for step in (first, second):
        for row, authors in step.items():
            index.drop(row) if row in model else None
            model[row] = authors
            index.add(row, authors=authors, quiet=[who for who, quiet in authors.items() if quiet])
        for row in dropped & set(model):
            index.drop(row)
            del model[row]
    assert index.edges == sum(len(authors) for authors in model.values())
    for author in range(100, 110):
        followers = sorted(row for row, authors in model.items() if author in authors)
        assert index.rows(author).tolist() == followers
        assert index.count(author) == len(followers)
        wanting = [row for row in followers if not model[row][author]]
        assert index.without_quiet(index.rows(author), author).tolist() == wanting
        for row in range(10):
            assert index.follows(row, author) == (row in followers)
            assert index.is_quiet(row, author) == (row in followers and row not in wanting)


@given(left=st.sets(st.integers(0, 20)), right=st.sets(st.integers(0, 20)))
def test_common_rows_are_the_intersection(left: set[int], right: set[int]) -> None:
    assert common(_rows(left), _rows(right)).tolist() == sorted(left & right)


def test_a_wall_shows_each_follower_what_the_rules_allow() -> None:
    wall = Wall(length=4)
    wall.append(1, reply_to=0, reblog=False)
    wall.append(2, reply_to=77, reblog=False)
    wall.append(3, reply_to=0, reblog=True)
    assert wall.read(follows=lambda who: who == 77, reblogs=True).tolist() == [1, 2, 3]
    assert wall.read(follows=lambda who: False, reblogs=False).tolist() == [1]
    wall.remove(1)
    for ident in (4, 5, 6):
        wall.append(ident, reply_to=0, reblog=False)
    assert sorted(wall.read(follows=lambda who: True, reblogs=True).tolist()) == [3, 4, 5, 6]
    assert wall.floor == 2
