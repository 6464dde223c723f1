"""Key -> slot by hash, slot -> shard by rendezvous hashing. Pure; the chosen map is stored in Postgres.

Rendezvous (highest random weight, Thaler and Ravishankar 1998): adding or removing one of N shards
moves only about 1/N of the slots, and every process computes the same answer without talking.
"""

from collections.abc import Sequence
from hashlib import blake2b

SLOTS = 256  # fixed for the life of an instance: a slot is what moves between shards
_MIX = 0x9E3779B97F4A7C15  # 2**64 / golden ratio: spreads ids whose low bits repeat (Knuth, TAOCP 6.4)
_MASK = 2**64 - 1


def slot_of(key: int) -> int:
    """The slot of an id. Multiplicative hashing keeps neighbours apart."""
    return ((key * _MIX) & _MASK) >> 56


def assign(shards: Sequence[str]) -> tuple[str, ...]:
    """The owner of every slot, by rendezvous hashing over shard names. Raises ValueError without shards."""
    if not shards:
        raise ValueError("cannot assign slots: no shard is given")
    return tuple(max(shards, key=lambda shard: (_weight(slot, shard), shard)) for slot in range(SLOTS))


def _weight(slot: int, shard: str) -> bytes:
    return blake2b(f"{slot}/{shard}".encode(), digest_size=8).digest()
