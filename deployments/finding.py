"""One thing that the doctor looked at: right, worth knowing, or wrong, and how to mend it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """`mend` is empty only when nothing is to be done."""

    name: str
    verdict: Literal["right", "warn", "wrong"]
    saw: str
    mend: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def right(name: str, saw: str) -> Finding:
    """As it should be."""
    return Finding(name, "right", saw)


def warn(name: str, saw: str, *, mend: str) -> Finding:
    """It works, but somebody should know."""
    return Finding(name, "warn", saw, mend)


def wrong(name: str, saw: str, *, mend: str) -> Finding:
    """It does not, or will not, work."""
    return Finding(name, "wrong", saw, mend)
