"""How far a sweep of the outbox has come."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the order (tx, id) of outbox rows. `tx` is an xid8 in text form."""

    tx: str = "0"
    id: int = 0
