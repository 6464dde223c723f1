"""What every bench is given and gives back, and the description of the machine.

A bench is a module of this package with `async def run(target: Target, options: Options) -> Result`. It may
have ENVIRONMENT, literal variables for a throw-away instance, and NEEDS_INSTANCE = False, when it starts what
it measures itself.
"""

import contextlib
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from cluster.settings import Settings
from deployments.home import Home

if TYPE_CHECKING:
    from api.context import Context


@dataclass(frozen=True, slots=True)
class Options:
    """The command line's. `seconds`: how long one measurement takes; `users`: how large a crowd, where there
    is one. None: as the bench thinks best."""

    seconds: float | None = None
    users: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The instance under test. `ctx` is an open context on it, for seeding and removing."""

    base_url: str
    settings: Settings
    home: Home
    throw_away: bool
    context: "Context | None" = None

    @property
    def ctx(self) -> "Context":
        """The context; only benches with NEEDS_INSTANCE = False are without."""
        assert self.context is not None, "this bench has no instance"
        return self.context


@dataclass(frozen=True, slots=True)
class Result:
    """Figures and their baseline from one run; keys end in their unit. `did`: what was measured."""

    bench: str
    figures: dict[str, float]
    baseline: dict[str, float] = field(default_factory=dict)
    did: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The one object that `--json` prints."""
        return asdict(self) | {"machine": machine()}


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "cpu": _cpu_name(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load_1m": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "ray": version("ray"),
    }


def _cpu_name() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()
