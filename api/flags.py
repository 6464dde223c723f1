"""What one viewer did with one status, as bits, and the JSON that ends a status with them. Pure.

There are few combinations, so every ending is made once at import; drawing a status for a viewer is one
concatenation, and for a viewer who did nothing with it no work at all (cards keep that form whole).
"""

FAVOURITED = 1
REBLOGGED = 2
MUTED = 4
BOOKMARKED = 8
PINNED = 16
OWN = 32  # the viewer wrote it and may pin it: only then does `pinned` appear

_COMBINATIONS = 64


def _word(value: int) -> str:
    return "true" if value else "false"


def _members(bits: int) -> str:
    pinned = f',"pinned":{_word(bits & PINNED)}' if bits & OWN else ""
    return (
        f',"favourited":{_word(bits & FAVOURITED)},"reblogged":{_word(bits & REBLOGGED)}'
        f',"muted":{_word(bits & MUTED)},"bookmarked":{_word(bits & BOOKMARKED)}{pinned},"filtered":[]'
    )


ENDINGS: tuple[bytes, ...] = tuple(f"{_members(bits)}}}".encode() for bits in range(_COMBINATIONS))
"""What closes a status, by bits."""

REBLOG_ENDINGS: tuple[bytes, ...] = tuple(
    f"{_members(bits)}}}{_members(bits & ~(PINNED | OWN))}}}".encode() for bits in range(_COMBINATIONS)
)
"""What closes a reblogged status and its wrapper. The wrapper repeats the flags of what it wraps, as
Mastodon does for a single status; it cannot be pinned."""

ANONYMOUS = b"}"
ANONYMOUS_REBLOG = b"}}"
