"""What session shards tell everybody who verifies tokens: which sessions ended, on one Valkey channel.

Every shard counts its news from 1 in each epoch, without holes, and repeats the last number as a heartbeat;
whoever misses a number, or hears of a new epoch, reads the truth in Postgres.
"""

from dataclasses import dataclass
from typing import Self

import orjson

CHANNEL = "socialflow:revocations"
SUSPENDED = "suspended"  # the reason that tells people why, instead of only that the token is invalid


@dataclass(frozen=True, slots=True)
class News:
    """Sessions that ended, in one message. Without any it is a heartbeat and repeats the last sequence."""

    shard: str
    epoch: int
    sequence: int
    ended: tuple[tuple[int, str], ...] = ()  # (session id, reason)

    def wire(self) -> bytes:
        """The message on the channel."""
        return orjson.dumps([self.shard, self.epoch, self.sequence, self.ended])

    @classmethod
    def from_wire(cls, message: bytes) -> Self:
        """The news written by `wire`."""
        shard, epoch, sequence, ended = orjson.loads(message)
        return cls(shard, epoch, sequence, tuple((identifier, reason) for identifier, reason in ended))
