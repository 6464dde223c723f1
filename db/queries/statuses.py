"""New statuses, many at once, and what they need to be made. Changing them: revisions; drawing them: cards.

What inserts takes whole columns, so that hundreds of posts cost the round trips of one. Call it under the
order lock (`pool.transaction(ordered=True)`): it orders ids and keeps writers of the same rows from deadlock.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg import Record

from db.pool import Connection


@dataclass(frozen=True, slots=True)
class NewStatus:
    """A status that was found acceptable. Without `conversation_id` it starts a thread of its own."""

    account_id: int
    visibility: str
    text: str = ""
    html: str = ""
    spoiler_text: str = ""
    sensitive: bool = False
    language: str | None = None
    in_reply_to_id: int | None = None
    in_reply_to_account_id: int | None = None
    conversation_id: int | None = None
    reblog_of_id: int | None = None
    app_id: int | None = None


@dataclass(frozen=True, slots=True)
class Minted:
    """Consecutive ids for new statuses, and the status id that anybody minted before them."""

    ids: range
    after: int


MINT = "SELECT after, last FROM mint_status_ids($1)"


async def mint(conn: Connection, *, count: int) -> Minted:
    """Ids for new statuses. They are visible in order only when inserted under this lock."""
    record = await conn.fetchrow(MINT, count)
    assert record is not None
    return Minted(range(record["last"] - count + 1, record["last"] + 1), record["after"])


# created_at is the moment in the id, so that times and ids have the same order.
INSERT = """
WITH given AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
        $7::boolean[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[])
        AS given (id, account_id, visibility, text, html, spoiler_text, sensitive, language, in_reply_to_id,
            in_reply_to_account_id, conversation_id, reblog_of_id, app_id)
), posted AS (
    INSERT INTO statuses (id, account_id, visibility, text, html, spoiler_text, sensitive, language,
        in_reply_to_id, in_reply_to_account_id, conversation_id, reblog_of_id, app_id, created_at)
    SELECT given.*, to_timestamp((id >> 16) / 1000.0) FROM given
), counted AS (
    INSERT INTO status_stats (status_id) SELECT id FROM given
)
INSERT INTO account_stats AS stats (account_id, statuses, last_status_at)
SELECT account_id, count(*), to_timestamp((max(id) >> 16) / 1000.0) FROM given
WHERE visibility <> 'direct'
GROUP BY account_id ORDER BY account_id
ON CONFLICT (account_id) DO UPDATE
SET statuses = stats.statuses + excluded.statuses, last_status_at = excluded.last_status_at
"""


async def insert(conn: Connection, *, ids: Sequence[int], statuses: Sequence[NewStatus]) -> None:
    """Insert statuses with their counts, and count them for their authors (direct ones do not count)."""
    await conn.execute(
        INSERT,
        ids,
        [status.account_id for status in statuses],
        [status.visibility for status in statuses],
        [status.text for status in statuses],
        [status.html for status in statuses],
        [status.spoiler_text for status in statuses],
        [status.sensitive for status in statuses],
        [status.language for status in statuses],
        [status.in_reply_to_id for status in statuses],
        [status.in_reply_to_account_id for status in statuses],
        [status.conversation_id or id_ for id_, status in zip(ids, statuses, strict=True)],
        [status.reblog_of_id for status in statuses],
        [status.app_id for status in statuses],
    )


INSERT_MENTIONS = """
INSERT INTO status_mentions (status_id, account_id)
SELECT * FROM unnest($1::bigint[], $2::bigint[])
ON CONFLICT DO NOTHING
"""


async def insert_mentions(conn: Connection, *, pairs: Sequence[tuple[int, int]]) -> None:
    """Mention accounts: (status, account)."""
    await conn.execute(INSERT_MENTIONS, *_columns(pairs))


INSERT_TAGS = """
INSERT INTO tags (name, display)
SELECT DISTINCT ON (name) name, display
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS given (name, display, place)
ORDER BY name, place
ON CONFLICT (name) DO NOTHING
"""

INSERT_STATUS_TAGS = """
INSERT INTO status_tags (tag_id, status_id)
SELECT tags.id, given.status_id
FROM unnest($1::bigint[], $2::text[]) AS given (status_id, name) JOIN tags USING (name)
ON CONFLICT DO NOTHING
"""


async def insert_tags(conn: Connection, *, tags: Sequence[tuple[int, str, str]]) -> None:
    """Tag statuses: (status, name, as typed). Unknown hashtags are born; the first spelling stays."""
    ids, names, displays = _columns(tags)
    await conn.execute(INSERT_TAGS, names, displays)
    await conn.execute(INSERT_STATUS_TAGS, ids, names)


# A status without counts (older than they are) gets them here.
COUNT = """
MERGE INTO status_stats AS stats
USING unnest($1::bigint[], $2::int[], $3::int[], $4::int[])
    AS change (status_id, replies, reblogs, favourites)
ON stats.status_id = change.status_id
WHEN MATCHED THEN UPDATE SET
    replies = greatest(0, stats.replies + change.replies),
    reblogs = greatest(0, stats.reblogs + change.reblogs),
    favourites = greatest(0, stats.favourites + change.favourites)
WHEN NOT MATCHED THEN INSERT (status_id, replies, reblogs, favourites)
    VALUES (change.status_id, greatest(0, change.replies), greatest(0, change.reblogs),
        greatest(0, change.favourites))
"""


async def count(
    conn: Connection,
    *,
    replies: Sequence[int] = (),
    reblogs: Sequence[int] = (),
    favourites: Sequence[int] = (),
    by: int = 1,
) -> None:
    """Move counts of existing statuses by `by` for each time that an id is named."""
    ids = sorted({*replies, *reblogs, *favourites})
    if ids:
        named = [Counter(column) for column in (replies, reblogs, favourites)]
        deltas = [[by * times[id_] for id_ in ids] for times in named]
        await conn.execute(COUNT, ids, *deltas)


AUTHORS = "SELECT id, account_id FROM statuses WHERE id = ANY($1::bigint[])"


async def authors(conn: Connection, *, ids: Sequence[int]) -> list[tuple[int, int]]:
    """Who wrote these statuses: (status, account)."""
    return [(row["id"], row["account_id"]) for row in await conn.fetch(AUTHORS, ids)]


CLAIM_KEYS = """
INSERT INTO idempotency_keys AS known (account_id, key, status_id)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[])
ON CONFLICT (account_id, key) DO UPDATE
SET status_id = excluded.status_id, created_at = now()
WHERE known.created_at < now() - make_interval(secs => $4)
RETURNING status_id
"""


async def claim_keys(conn: Connection, *, claims: Sequence[tuple[int, str, int]], keep_s: int) -> set[int]:
    """Bind idempotency keys, given as (account, key, status); the statuses whose keys were free."""
    rows = await conn.fetch(CLAIM_KEYS, *_columns(claims), float(keep_s))
    return {row["status_id"] for row in rows}


KEY_HOLDERS = """
SELECT known.account_id, known.key, known.status_id
FROM unnest($1::bigint[], $2::text[]) AS asked (account_id, key)
JOIN idempotency_keys known USING (account_id, key)
WHERE known.created_at >= now() - make_interval(secs => $3)
"""


async def key_holders(
    conn: Connection, *, keys: Sequence[tuple[int, str]], keep_s: int
) -> dict[tuple[int, str], int]:
    """The statuses that (account, key) pairs were used for already."""
    rows = await conn.fetch(KEY_HOLDERS, *_columns(keys), float(keep_s))
    return {(row["account_id"], row["key"]): row["status_id"] for row in rows}


FORGET_KEYS = "DELETE FROM idempotency_keys WHERE created_at < now() - make_interval(secs => $1)"


async def forget_keys(conn: Connection, *, keep_s: int) -> None:
    """Drop idempotency keys that are too old to repeat an answer."""
    await conn.execute(FORGET_KEYS, float(keep_s))


@dataclass(frozen=True, slots=True)
class PostingDefaults:
    """What an author's posts have when they do not say."""

    privacy: str = "public"
    sensitive: bool = False
    language: str | None = None


NOTIFIED_FOLLOWERS = """
SELECT target_id, account_id FROM follows WHERE target_id = ANY($1::bigint[]) AND notify
"""


async def notified_followers(conn: Connection, *, author_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Who wants a notification of every post: (author, follower)."""
    rows = await conn.fetch(NOTIFIED_FOLLOWERS, author_ids)
    return [(row["target_id"], row["account_id"]) for row in rows]


REBLOGS = """
SELECT statuses.account_id, statuses.reblog_of_id, statuses.id
FROM unnest($1::bigint[], $2::bigint[]) AS asked (account_id, reblog_of_id)
JOIN statuses USING (account_id, reblog_of_id)
"""


async def reblogs(conn: Connection, *, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """The reblogs that exist for (account, original) pairs."""
    rows = await conn.fetch(REBLOGS, *_columns(pairs))
    return {(row["account_id"], row["reblog_of_id"]): row["id"] for row in rows}


POSTING_DEFAULTS = """
SELECT account_id, default_privacy, default_sensitive, default_language
FROM users WHERE account_id = ANY($1::bigint[])
"""


async def posting_defaults(conn: Connection, *, account_ids: Sequence[int]) -> dict[int, PostingDefaults]:
    """The defaults of these authors; accounts that nobody signs in to have none."""
    rows = await conn.fetch(POSTING_DEFAULTS, account_ids)
    return {
        row["account_id"]: PostingDefaults(
            row["default_privacy"], row["default_sensitive"], row["default_language"]
        )
        for row in rows
    }


# Whom the author blocks is not mentioned; whom blocks the author is, and never hears of it: not to tell.
MENTIONABLE = """
SELECT asked.author_id, accounts.id, accounts.username::text AS username
FROM unnest($1::bigint[], $2::citext[]) AS asked (author_id, username)
JOIN accounts ON accounts.username = asked.username AND accounts.suspended_at IS NULL
WHERE NOT EXISTS (
    SELECT FROM blocks WHERE (blocks.account_id, blocks.target_id) = (asked.author_id, accounts.id))
"""


async def mentionable(conn: Connection, *, asked: Sequence[tuple[int, str]]) -> list[Record]:
    """Whom these (author, username) pairs mean: author_id, id, username."""
    return await conn.fetch(MENTIONABLE, *_columns(asked))


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
