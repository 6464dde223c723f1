"""People who follow and post, written to Postgres with outbox rows as actions do; an oracle of home."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cluster.events import (
    Event,
    Notified,
    OutboxRow,
    RelationChanged,
    StatusDeleted,
    StatusPosted,
)
from db.pool import Connection, Pool
from db.queries import outbox


@dataclass(frozen=True)
class Post:
    id: int
    author: int
    visibility: str
    reply_to: int | None
    reblog_of: int | None
    mentions: tuple[int, ...]


@dataclass
class World:
    """The same facts twice: in Postgres, and in plain Python as the oracle that both feeds must equal."""

    pool: Pool
    people: list[int] = field(default_factory=list)
    posts: dict[int, Post] = field(default_factory=dict)
    follows: dict[tuple[int, int], bool] = field(default_factory=dict)  # -> show reblogs

    async def add_people(self, count: int) -> list[int]:
        # Their ids are given, so that everybody is in the same shard in every run.
        async with self.pool.connection() as conn:
            records = await conn.fetch(
                "INSERT INTO accounts (id, username) SELECT 1000 + n, 'p' || n"
                " FROM generate_series($1::int, $2::int) n RETURNING id",
                len(self.people) + 1,
                len(self.people) + count,
            )
        self.people += [record["id"] for record in records]
        return self.people

    async def post(
        self,
        author: int,
        *,
        visibility: str = "public",
        reply_to: Post | None = None,
        reblog_of: Post | None = None,
        mentions: Iterable[int] = (),
    ) -> list[OutboxRow]:
        mentioned = tuple(sorted(set(mentions)))
        async with self.pool.transaction(ordered=True) as conn:
            status_id = await conn.fetchval(
                "INSERT INTO statuses (account_id, visibility, in_reply_to_id, in_reply_to_account_id,"
                " conversation_id, reblog_of_id) VALUES ($1, $2, $3, $4, 0, $5) RETURNING id",
                author,
                visibility,
                reply_to and reply_to.id,
                reply_to and reply_to.author,
                reblog_of and reblog_of.id,
            )
            await conn.execute(
                "INSERT INTO status_mentions SELECT $1, unnest($2::bigint[])", status_id, mentioned
            )
            post = Post(
                status_id,
                author,
                visibility,
                reply_to.author if reply_to else None,
                reblog_of.id if reblog_of else None,
                mentioned,
            )
            rows = await outbox.append(conn, events=[_posted(post, reply_to, reblog_of)])
        self.posts[status_id] = post
        return rows

    async def delete(self, post: Post) -> list[OutboxRow]:
        """Its reblogs go with it, each with an event of its own."""
        gone = [post, *(other for other in self.posts.values() if other.reblog_of == post.id)]
        async with self.pool.transaction() as conn:
            await conn.execute("DELETE FROM statuses WHERE id = ANY($1::bigint[])", [p.id for p in gone])
            rows = await outbox.append(
                conn,
                events=[StatusDeleted(p.id, p.author, p.visibility, p.mentions) for p in gone],
            )
        for each in gone:
            del self.posts[each.id]
        return rows

    async def follow(self, who: int, whom: int, *, reblogs: bool = True) -> list[OutboxRow]:
        async with self.pool.transaction() as conn:
            await conn.execute(
                "INSERT INTO follows (account_id, target_id, show_reblogs) VALUES ($1, $2, $3)"
                " ON CONFLICT (account_id, target_id) DO UPDATE SET show_reblogs = $3",
                who,
                whom,
                reblogs,
            )
            rows = await outbox.append(conn, events=[RelationChanged(who, whom, "follow")])
        self.follows[who, whom] = reblogs
        return rows

    async def unfollow(self, who: int, whom: int) -> list[OutboxRow]:
        return await self._end([(who, whom)], RelationChanged(who, whom, "unfollow"))

    async def block(self, who: int, whom: int) -> list[OutboxRow]:
        return await self._end([(who, whom), (whom, who)], RelationChanged(who, whom, "block"))

    async def _end(self, pairs: list[tuple[int, int]], event: Event) -> list[OutboxRow]:
        async with self.pool.transaction() as conn:
            await conn.executemany("DELETE FROM follows WHERE account_id = $1 AND target_id = $2", pairs)
            rows = await outbox.append(conn, events=[event])
        for pair in pairs:
            self.follows.pop(pair, None)
        return rows

    async def notify(self, whom: int) -> list[OutboxRow]:
        async with self.pool.transaction() as conn:
            return await outbox.append(conn, events=[Notified(1, whom, "follow", self.people[0])])

    def home(self, viewer: int) -> list[int]:
        """Home by the plain words of the rules, newest first."""
        return sorted((post.id for post in self.posts.values() if self._belongs(post, viewer)), reverse=True)

    def _belongs(self, post: Post, viewer: int) -> bool:
        if post.author == viewer:
            return True
        if (viewer, post.author) not in self.follows:
            return False
        if post.visibility == "direct" and viewer not in post.mentions:
            return False
        known = {viewer, post.author, None} | {whom for who, whom in self.follows if who == viewer}
        if post.reply_to not in known:
            return False
        return post.reblog_of is None or self.follows[viewer, post.author]


def _posted(post: Post, reply_to: Post | None, reblog_of: Post | None) -> StatusPosted:
    return StatusPosted(
        post.id,
        post.author,
        post.visibility,
        reblog_of_id=post.reblog_of,
        reblog_of_account_id=reblog_of.author if reblog_of else None,
        in_reply_to_id=reply_to.id if reply_to else None,
        in_reply_to_account_id=post.reply_to,
        mentions=post.mentions,
    )


async def seed_posts(conn: Connection, *, author: int, count: int) -> list[int]:
    """Many plain posts at once, without events."""
    async with conn.transaction():
        records = await conn.fetch(
            "INSERT INTO statuses (account_id, visibility, conversation_id)"
            " SELECT $1, 'public', 0 FROM generate_series(1, $2::int) RETURNING id",
            author,
            count,
        )
    return [record["id"] for record in records]
