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

-- The newest status id that anybody minted. A new status names the one before it, so that whoever hears of
-- statuses notices when one is missing (actors/states/feed_chain.py). Under the order lock too.
CREATE SEQUENCE status_chain;

CREATE FUNCTION mint_status_ids(count bigint, OUT after bigint, OUT last bigint) LANGUAGE plpgsql AS $$
BEGIN
    SELECT last_value INTO after FROM status_chain;
    last := setval('status_chain', mint_ordered_ids(count));
END
$$;

CREATE FUNCTION mint_ordered_id() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT mint_ordered_ids(1)
$$;
"""


def upgrade() -> None:
    op.execute(SQL)
