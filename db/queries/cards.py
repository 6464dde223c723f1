"""What statuses and accounts are drawn from: one query per kind, by arrays of ids."""

from collections.abc import Sequence

from asyncpg import Record

from db.entities import Media, Mention, Tag, record_to
from db.pool import Connection

STATUSES = """
    SELECT statuses.id, statuses.account_id, statuses.visibility, statuses.text, statuses.html,
        statuses.spoiler_text, statuses.sensitive, statuses.language, statuses.in_reply_to_id,
        statuses.in_reply_to_account_id, statuses.conversation_id, statuses.reblog_of_id, statuses.app_id,
        statuses.created_at, statuses.edited_at,
        accounts.username::text AS username,
        coalesce(stats.replies, 0) AS replies, coalesce(stats.reblogs, 0) AS reblogs,
        coalesce(stats.favourites, 0) AS favourites,
        apps.name AS app_name, apps.website AS app_website,
        EXISTS (SELECT FROM media WHERE media.status_id = statuses.id) AS has_media,
        EXISTS (SELECT FROM status_mentions mention WHERE mention.status_id = statuses.id) AS has_mentions,
        EXISTS (SELECT FROM status_tags WHERE status_tags.status_id = statuses.id) AS has_tags
    FROM statuses
    JOIN accounts ON accounts.id = statuses.account_id
    LEFT JOIN status_stats stats ON stats.status_id = statuses.id
    LEFT JOIN oauth_apps apps ON apps.id = statuses.app_id
    WHERE statuses.id = ANY($1::bigint[])
"""


async def statuses(conn: Connection, *, ids: Sequence[int]) -> list[Record]:
    """The columns of `Status`, with author's name, counts, application and what else there is to ask for; in
    no order."""
    return await conn.fetch(STATUSES, ids)


MEDIA = """
    SELECT id, account_id, status_id, position, type, content_type, key, preview_key, meta, blurhash,
        description, created_at
    FROM media
    WHERE status_id = ANY($1::bigint[])
    ORDER BY status_id, position, id
"""


async def media(conn: Connection, *, status_ids: Sequence[int]) -> list[Media]:
    """What is attached to these statuses, in their order of attachment."""
    return [record_to(Media, record) for record in await conn.fetch(MEDIA, status_ids)]


MENTIONS = """
    SELECT mentions.status_id, mentions.account_id, accounts.username::text AS username
    FROM status_mentions mentions
    JOIN accounts ON accounts.id = mentions.account_id
    WHERE mentions.status_id = ANY($1::bigint[])
    ORDER BY mentions.status_id, mentions.account_id
"""


async def mentions(conn: Connection, *, status_ids: Sequence[int]) -> list[Mention]:
    """Who is mentioned in these statuses."""
    return [record_to(Mention, record) for record in await conn.fetch(MENTIONS, status_ids)]


TAGS = """
    SELECT status_tags.status_id, tags.name, tags.display
    FROM status_tags
    JOIN tags ON tags.id = status_tags.tag_id
    WHERE status_tags.status_id = ANY($1::bigint[])
    ORDER BY status_tags.status_id, tags.id
"""


async def tags(conn: Connection, *, status_ids: Sequence[int]) -> list[Tag]:
    """The hashtags of these statuses."""
    return [record_to(Tag, record) for record in await conn.fetch(TAGS, status_ids)]


ACCOUNTS = """
    SELECT accounts.id, accounts.username::text AS username, accounts.display_name, accounts.note,
        accounts.note_html, accounts.fields, accounts.avatar_key, accounts.header_key, accounts.locked,
        accounts.bot, accounts.discoverable, accounts.indexable, accounts.hide_collections,
        accounts.created_at, accounts.suspended_at,
        accounts.id AS account_id,
        coalesce(stats.statuses, 0) AS statuses, coalesce(stats.followers, 0) AS followers,
        coalesce(stats.following, 0) AS following, stats.last_status_at
    FROM accounts
    LEFT JOIN account_stats stats ON stats.account_id = accounts.id
    WHERE accounts.id = ANY($1::bigint[])
"""


async def accounts(conn: Connection, *, ids: Sequence[int]) -> list[Record]:
    """The columns of `Account` and of `AccountStats`; in no order."""
    return await conn.fetch(ACCOUNTS, ids)
