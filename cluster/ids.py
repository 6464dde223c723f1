"""64-bit time-ordered ids, minted by Postgres: 48 bits of milliseconds, 16 of sequence (as Mastodon does).

In Python an id is an int; in JSON it is a string, because browsers lose integers above 2**53.
"""

import datetime as dt

SEQUENCE_BITS = 16
ID_MAX = 2**63 - 1  # Postgres bigint


def id_at(moment: dt.datetime) -> int:
    """The smallest id that can have been minted at `moment`; serves cursors and retention."""
    return int(moment.timestamp() * 1000) << SEQUENCE_BITS


def parse_id(text: str) -> int | None:
    """The id written as `text`, or None when it cannot be one (so that a lookup answers 'not found')."""
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    value = int(text)
    return value if 0 < value <= ID_MAX else None
