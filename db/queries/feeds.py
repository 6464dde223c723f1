"""The truth of home feeds: what belongs to whom, straight from the tables that the shards' rings mirror.

Home of a viewer: all of the viewer's own statuses; of everybody followed, statuses that are
- not direct, or mention the viewer;
- no reply, or a reply to the viewer, to the author's own thread, or to someone the viewer follows;
- no reblog, unless the follow shows reblogs.
Blocks, mutes and filters are not asked here: they are rules of reading, and change without touching a feed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from db.pages import Window
from db.pool import Connection

ROUND_MIN = 4  # entries asked of each author in the first round; more only from those who have more
ROUND_GROWTH = 4  # so a feed that one author fills takes five rounds, and an even one takes one


@dataclass(frozen=True, slots=True)
class Follows:
    """Whom one account follows; `quiet` are those of them whose reblogs it does not want."""

    targets: tuple[int, ...] = ()
    quiet: tuple[int, ...] = ()


FOLLOWS = """
SELECT account_id, array_agg(target_id) AS targets,
       array_agg(target_id) FILTER (WHERE NOT show_reblogs) AS quiet
FROM follows WHERE account_id = ANY($1::bigint[]) GROUP BY account_id
"""


async def follows_of(conn: Connection, *, account_ids: Sequence[int]) -> dict[int, Follows]:
    """Whom each of these accounts follows; every account asked is in the answer."""
    found = {identifier: Follows() for identifier in account_ids}
    for record in await conn.fetch(FOLLOWS, account_ids):
        found[record["account_id"]] = Follows(tuple(record["targets"]), tuple(record["quiet"] or ()))
    return found


# One probe of the (account_id, id) index per author: the cost grows with the number of authors and with
# the entries that are wanted, and not with how much the authors ever wrote.
_PROBE = """
SELECT ask.viewer, ask.author, part.ids
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS ask (viewer, author, low, high)
CROSS JOIN LATERAL (
    SELECT array_agg(id) AS ids FROM (
        SELECT s.id FROM statuses s
        WHERE s.account_id = ask.author AND s.id > ask.low AND s.id < ask.high
          AND (s.account_id = ask.viewer OR (
                (s.visibility <> 'direct' OR EXISTS (
                    SELECT FROM status_mentions m WHERE m.status_id = s.id AND m.account_id = ask.viewer))
            AND (s.in_reply_to_account_id IS NULL
                OR s.in_reply_to_account_id IN (ask.viewer, ask.author)
                OR EXISTS (SELECT FROM follows f
                    WHERE f.account_id = ask.viewer AND f.target_id = s.in_reply_to_account_id))
            AND (s.reblog_of_id IS NULL OR EXISTS (
                SELECT FROM follows f
                WHERE f.account_id = ask.viewer AND f.target_id = ask.author AND f.show_reblogs))))
        ORDER BY s.id {order} LIMIT $5
    ) AS newest HAVING count(*) > 0
) AS part
"""
PROBE_DOWN = _PROBE.format(order="DESC")
PROBE_UP = _PROBE.format(order="ASC")


class _Merge:
    """One viewer's part in a merge of many authors' statuses: what was found, and who may have more."""

    def __init__(self, *, authors: Iterable[int], window: Window) -> None:
        self.window = window
        self.ids: list[int] = []
        self.open: dict[int, int] = dict.fromkeys(authors, window.low if window.upward else window.high)

    def bounds(self, author: int) -> tuple[int, int]:
        """Between which ids (exclusive) to ask this author next."""
        reached = self.open[author]
        return (reached, self.window.high) if self.window.upward else (self.window.low, reached)

    def take(self, parts: Mapping[int, Sequence[int]], *, asked: int) -> None:
        """Add a round; authors stay open who gave all that was asked and end inside the wanted part."""
        for part in parts.values():
            self.ids.extend(part)
        self.ids.sort(reverse=not self.window.upward)
        del self.ids[self.window.limit :]
        full = len(self.ids) == self.window.limit
        self.open = {
            author: part[-1]
            for author, part in parts.items()
            if len(part) == asked and not (full and self._beyond(part[-1]))
        }

    def _beyond(self, identifier: int) -> bool:
        last = self.ids[-1]
        return identifier >= last if self.window.upward else identifier <= last


async def home_ids(conn: Connection, *, account_id: int, window: Window) -> list[int]:
    """The window's part of one home feed, newest first: complete for any number of follows."""
    follows = await follows_of(conn, account_ids=[account_id])
    return (await homes(conn, follows=follows, window=window))[account_id]


async def homes(conn: Connection, *, follows: Mapping[int, Follows], window: Window) -> dict[int, list[int]]:
    """The same window's part of many home feeds, newest first each.

    Rounds need no common snapshot: a status that appears meanwhile is newer than all that a downward merge
    still looks for. Under a concurrent deletion an id may be one that is just gone.
    """
    merges = {
        viewer: _Merge(authors=(viewer, *followed.targets), window=window)
        for viewer, followed in follows.items()
    }
    wanted = max(1, window.limit)
    most = max((len(merge.open) for merge in merges.values()), default=1)
    asked = min(wanted, max(ROUND_MIN, 2 * wanted // most))
    open_ones = merges
    while open_ones:
        parts = await _probe(conn, merges=open_ones, upward=window.upward, asked=asked)
        for viewer, merge in open_ones.items():
            merge.take(parts.get(viewer, {}), asked=asked)
        open_ones = {viewer: merge for viewer, merge in open_ones.items() if merge.open}
        asked = min(wanted, asked * ROUND_GROWTH)
    return {viewer: sorted(merge.ids, reverse=True) for viewer, merge in merges.items()}


async def _probe(
    conn: Connection, *, merges: Mapping[int, _Merge], upward: bool, asked: int
) -> dict[int, dict[int, list[int]]]:
    viewers: list[int] = []
    authors: list[int] = []
    lows: list[int] = []
    highs: list[int] = []
    for viewer, merge in merges.items():
        for author in merge.open:
            low, high = merge.bounds(author)
            viewers.append(viewer)
            authors.append(author)
            lows.append(low)
            highs.append(high)
    found: dict[int, dict[int, list[int]]] = {}
    records = await conn.fetch(PROBE_UP if upward else PROBE_DOWN, viewers, authors, lows, highs, asked)
    for record in records:
        found.setdefault(record["viewer"], {})[record["author"]] = record["ids"]
    return found
