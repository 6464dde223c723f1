"""What runs in a home right now: a small file that `up` writes and every other command reads."""

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Literal

import psutil

from cluster.errors import SetupError
from deployments.home import Home, cannot_use


@dataclass(frozen=True)
class Instance:
    """One run of one home. `pid` and `born` together name the supervisor for ever; pids alone are reused."""

    pid: int
    born: float
    host: str
    port: int
    url: str
    public_url: str
    seed: Literal["demo", "none"]
    state: Literal["starting", "ready"] = "starting"
    ray_address: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0  # from start to the first answer
    steps: dict[str, float] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether the supervisor still runs."""
        try:
            process = psutil.Process(self.pid)
            return (
                bool(abs(process.create_time() - self.born) < 1) and process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.NoSuchProcess:
            return False

    def write(self, home: Home) -> None:
        """Publish this; readers never see half a file."""
        draft = home.instance.with_suffix(".new")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(asdict(self), file, indent=1)
            draft.replace(home.instance)
        except OSError as error:
            raise cannot_use(home.instance, error) from error


def this_process() -> tuple[int, float]:
    """Pid and birth of the calling process."""
    return os.getpid(), psutil.Process().create_time()


def read(home: Home) -> Instance | None:
    """What the last `up` wrote, alive or not."""
    try:
        return Instance(**json.loads(home.instance.read_text()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise cannot_use(home.instance, error) from error
    except (ValueError, TypeError):
        return None  # written by another version, or torn by a full disk: treated as absent


def running(home: Home) -> Instance:
    """The instance that runs and is ready. Raises SetupError when there is none."""
    found = read(home)
    if found is None or not found.alive or found.state != "ready":
        raise SetupError(f"nothing runs in {home.root}: start it with `socialflow up --home {home.root}`")
    return found
