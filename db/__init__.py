"""Truth in Postgres, events in Valkey, bytes in S3 or a directory. Knows nothing of HTTP, Ray or models.

pool        connections; one `transaction()` per action; the order lock
entities    frozen dataclasses: one per table that anyone reads as a whole
pages       max_id / since_id / min_id windows
bus         Valkey: channels, scripts
blobs       media bytes: a directory or any S3 API
migrate     brings the schema up to date under an advisory lock
migrations  Alembic revisions in plain SQL, forward only, one idea each
queries     one async function per question; SQL constants above them
seed        the demo world
"""
