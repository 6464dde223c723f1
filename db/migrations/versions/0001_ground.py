"""Extensions, and ids that grow in time."""

from alembic import op

revision = "0001"
down_revision = None

SQL = """
CREATE EXTENSION IF NOT EXISTS citext;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;

CREATE SEQUENCE id_salt;
CREATE SEQUENCE ordered_id;

-- 48 bits of milliseconds, 16 bits of sequence. Grows in time; order of visibility is not promised.
CREATE FUNCTION mint_id() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT ((extract(epoch FROM clock_timestamp()) * 1000)::bigint << 16) | (nextval('id_salt') & 65535)
$$;

-- The same layout, strictly growing, also when the clock steps back: the last of `count` consecutive ids.
-- Call only while holding the order lock (db/pool.py): then ids become visible in their own order.
CREATE FUNCTION mint_ordered_ids(count bigint) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT setval('ordered_id', count - 1 + greatest(
        nextval('ordered_id'), (extract(epoch FROM clock_timestamp()) * 1000)::bigint << 16))
$$;

CREATE FUNCTION mint_ordered_id() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT mint_ordered_ids(1)
$$;
"""


def upgrade() -> None:
    op.execute(SQL)
