"""Profiles: finding them, reading the owner's private part, changing them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from db.patterns import escape_like, prefix_range
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class Credentials:
    """What only the owner of an account reads: the profile as typed, and the defaults for posting."""

    account_id: int
    username: str
    display_name: str
    note: str
    fields: list[dict[str, Any]]
    avatar_key: str | None
    header_key: str | None
    locked: bool
    bot: bool
    discoverable: bool
    indexable: bool
    hide_collections: bool
    role: str
    default_privacy: str
    default_sensitive: bool
    default_language: str | None
    follow_requests: int


CREDENTIALS = """
    SELECT accounts.id AS account_id, username, display_name, note, fields, avatar_key, header_key,
        locked, bot, discoverable, indexable, hide_collections,
        role, default_privacy, default_sensitive, default_language,
        (SELECT count(*) FROM (
            SELECT FROM follow_requests WHERE target_id = accounts.id LIMIT 40) waiting) AS follow_requests
    FROM accounts JOIN users ON users.account_id = accounts.id
    WHERE accounts.id = $1
"""


async def credentials(conn: Connection, *, account_id: int) -> Credentials | None:
    """The owner's view of an account; open follow requests are counted up to 40, as Mastodon does."""
    row = await conn.fetchrow(CREDENTIALS, account_id)
    return Credentials(*row.values()) if row else None


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """New values for a profile; None leaves a column as it is. Keys are empty to remove an image."""

    display_name: str | None = None
    note: str | None = None
    note_html: str | None = None
    fields: list[dict[str, Any]] | None = None
    avatar_key: str | None = None
    header_key: str | None = None
    locked: bool | None = None
    bot: bool | None = None
    discoverable: bool | None = None
    indexable: bool | None = None
    hide_collections: bool | None = None


UPDATE_PROFILE = """
    UPDATE accounts SET
        display_name = coalesce($2, display_name),
        note = coalesce($3, note),
        note_html = coalesce($4, note_html),
        fields = coalesce($5::jsonb, fields),
        avatar_key = nullif(coalesce($6, avatar_key), ''),
        header_key = nullif(coalesce($7, header_key), ''),
        locked = coalesce($8, locked),
        bot = coalesce($9, bot),
        discoverable = coalesce($10, discoverable),
        indexable = coalesce($11, indexable),
        hide_collections = coalesce($12, hide_collections)
    WHERE id = $1
"""


async def update_profile(conn: Connection, *, account_id: int, change: ProfileChange) -> None:
    """Set what `change` names."""
    await conn.execute(
        UPDATE_PROFILE,
        account_id,
        change.display_name,
        change.note,
        change.note_html,
        change.fields,
        change.avatar_key,
        change.header_key,
        change.locked,
        change.bot,
        change.discoverable,
        change.indexable,
        change.hide_collections,
    )


UPDATE_DEFAULTS = """
    UPDATE users SET
        default_privacy = coalesce($2, default_privacy),
        default_sensitive = coalesce($3, default_sensitive),
        default_language = CASE WHEN $4::text IS NULL THEN default_language ELSE nullif($4::text, '') END
    WHERE account_id = $1
"""


async def update_defaults(
    conn: Connection, *, account_id: int, privacy: str | None, sensitive: bool | None, language: str | None
) -> None:
    """Set the defaults for new posts; None leaves one as it is, an empty language removes it."""
    await conn.execute(UPDATE_DEFAULTS, account_id, privacy, sensitive, language)


ID_OF_USERNAME = "SELECT id FROM accounts WHERE username = $1::citext AND suspended_at IS NULL"


async def id_of_username(conn: Connection, *, username: str) -> int | None:
    """The account with this name, in whatever case it is written."""
    found: int | None = await conn.fetchval(ID_OF_USERNAME, username)
    return found


HIDES_COLLECTIONS = """
    SELECT hide_collections, EXISTS (
        SELECT FROM blocks WHERE (blocks.account_id, blocks.target_id) = (accounts.id, $2)) AS blocks_viewer
    FROM accounts WHERE id = $1 AND suspended_at IS NULL
"""


async def hides_collections(conn: Connection, *, account_id: int, viewer_id: int | None) -> bool | None:
    """Whether the viewer may not see whom this account follows and is followed by; None: no such account."""
    row = await conn.fetchrow(HIDES_COLLECTIONS, account_id, viewer_id)
    if row is None:
        return None
    return account_id != viewer_id and bool(row["hide_collections"] or row["blocks_viewer"])


# Each way to match has its own index and its own bound; a text of less than three letters has no trigram to
# look up. $1 text, $2 and $3 the range of names that begin with it, $4 pattern, $5 searcher.
SEARCH = """
    WITH candidates AS (
        SELECT id FROM accounts WHERE username = $1::citext
        UNION
        (SELECT id FROM accounts
            WHERE lower(username::text) ~>=~ $2 AND lower(username::text) ~<~ $3
            ORDER BY lower(username::text) USING ~<~ LIMIT 200)
        UNION
        (SELECT id FROM accounts
            WHERE length($1::text) > 2 AND username::text || ' ' || display_name ILIKE $4 LIMIT 200)
        UNION
        (SELECT id FROM accounts
            WHERE length($1::text) > 2 AND $1 <% (username::text || ' ' || display_name) LIMIT 200)
        UNION
        (SELECT accounts.id FROM follows JOIN accounts ON accounts.id = follows.target_id
            WHERE follows.account_id = $5 AND accounts.username::text || ' ' || display_name ILIKE $4
            LIMIT 200)
    )
    SELECT accounts.id
    FROM candidates
    JOIN accounts ON accounts.id = candidates.id AND accounts.suspended_at IS NULL
    LEFT JOIN account_stats stats ON stats.account_id = accounts.id
    LEFT JOIN follows ON (follows.account_id, follows.target_id) = ($5, accounts.id)
    WHERE NOT $6 OR follows.account_id IS NOT NULL
    ORDER BY accounts.username = $1::citext DESC,
        lower(accounts.username::text) ~>=~ $2 AND lower(accounts.username::text) ~<~ $3 DESC,
        follows.account_id IS NOT NULL DESC,
        word_similarity($1, accounts.username::text || ' ' || accounts.display_name) DESC,
        coalesce(stats.followers, 0) DESC,
        length(accounts.username::text),
        accounts.id
    LIMIT $7 OFFSET $8
"""


async def search(
    conn: Connection, *, text: str, viewer_id: int | None, following: bool, limit: int, offset: int
) -> list[int]:
    """Accounts by name: the exact name, then names that begin so, then those one follows, then likeness."""
    low, high = prefix_range(text.lower())
    pattern = f"%{escape_like(text)}%"
    rows = await conn.fetch(SEARCH, text, low, high, pattern, viewer_id, following, limit, offset)
    return [row["id"] for row in rows]


FAMILIAR = """
    SELECT asked.id AS target_id, mine.target_id AS account_id
    FROM unnest($2::bigint[]) AS asked (id)
    JOIN accounts target ON target.id = asked.id AND NOT target.hide_collections
    CROSS JOIN LATERAL (
        SELECT mine.target_id
        FROM (SELECT id, target_id FROM follows WHERE account_id = $1 ORDER BY id DESC LIMIT 1000) mine
        JOIN follows theirs ON (theirs.account_id, theirs.target_id) = (mine.target_id, asked.id)
        JOIN accounts ON accounts.id = mine.target_id
            AND NOT accounts.hide_collections AND accounts.suspended_at IS NULL
        ORDER BY mine.id DESC
        LIMIT 10  -- clients show a handful of faces
    ) mine
"""


async def familiar_followers(
    conn: Connection, *, account_id: int, target_ids: Sequence[int]
) -> list[tuple[int, int]]:
    """(target, follower) for those of the 1,000 last followed by the caller who follow a target."""
    rows = await conn.fetch(FAMILIAR, account_id, list(target_ids))
    return [(row["target_id"], row["account_id"]) for row in rows]


SUGGESTED = """
    SELECT theirs.target_id AS id
    FROM (SELECT target_id FROM follows WHERE account_id = $1 ORDER BY id DESC LIMIT 100) mine
    CROSS JOIN LATERAL (
        SELECT target_id FROM follows WHERE account_id = mine.target_id ORDER BY id DESC LIMIT 100) theirs
    JOIN accounts ON accounts.id = theirs.target_id
        AND accounts.discoverable AND NOT accounts.locked AND accounts.suspended_at IS NULL
    WHERE theirs.target_id <> $1
        AND NOT EXISTS (SELECT FROM follows f WHERE (f.account_id, f.target_id) = ($1, theirs.target_id))
        AND NOT EXISTS (
            SELECT FROM follow_requests r WHERE (r.account_id, r.target_id) = ($1, theirs.target_id))
        AND NOT EXISTS (SELECT FROM blocks b WHERE (b.account_id, b.target_id) = ($1, theirs.target_id))
        AND NOT EXISTS (SELECT FROM blocks b WHERE (b.account_id, b.target_id) = (theirs.target_id, $1))
        AND NOT EXISTS (SELECT FROM mutes m WHERE (m.account_id, m.target_id) = ($1, theirs.target_id))
    GROUP BY theirs.target_id
    ORDER BY count(*) DESC, theirs.target_id DESC
    LIMIT $2
"""


async def suggested(conn: Connection, *, account_id: int, limit: int) -> list[int]:
    """Whom those follow whom the caller follows: 100 x 100 newest follows, so the cost has a bound."""
    rows = await conn.fetch(SUGGESTED, account_id, limit)
    return [row["id"] for row in rows]


DIRECTORY_NEW = """
    SELECT id FROM accounts WHERE discoverable AND suspended_at IS NULL
    ORDER BY id DESC LIMIT $1 OFFSET $2
"""
DIRECTORY_ACTIVE = """
    SELECT recent.account_id AS id
    FROM (SELECT account_id, id FROM statuses WHERE visibility = 'public' AND reblog_of_id IS NULL
        ORDER BY id DESC LIMIT 5000) recent
    JOIN accounts ON accounts.id = recent.account_id
        AND accounts.discoverable AND accounts.suspended_at IS NULL
    GROUP BY recent.account_id
    ORDER BY max(recent.id) DESC
    LIMIT $1 OFFSET $2
"""


async def directory(conn: Connection, *, newest: bool, limit: int, offset: int) -> list[int]:
    """Discoverable accounts: the newest, or the authors of the newest 5,000 public posts."""
    rows = await conn.fetch(DIRECTORY_NEW if newest else DIRECTORY_ACTIVE, limit, offset)
    return [row["id"] for row in rows]


SPELLINGS = """
    SELECT lower(username::text) AS name, username::text AS spelling
    FROM accounts WHERE username = ANY($1::citext[]) AND suspended_at IS NULL
"""


async def spellings(conn: Connection, *, usernames: Sequence[str]) -> dict[str, str]:
    """Lower-case names of those who exist, with how they write themselves."""
    rows = await conn.fetch(SPELLINGS, list(usernames))
    return {row["name"]: row["spelling"] for row in rows}
