"""The program that Serve starts as its HAProxy: closes the doors that the generated configuration leaves
open, then becomes the real HAProxy. Serve offers no setting for any of this.

Closed: statistics and metrics on all interfaces, an admin socket for everybody, access logs with tokens in
them, forwarding headers from anyone. Every change must find its line, so that a new template is noticed.
"""

import ctypes
import fcntl
import ipaddress
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FILE_VARIABLE = "SOCIALFLOW_INGRESS_FILE"
HEADER = "x-socialflow-ingress"
HOPS_MAX = 4  # proxies of ours in a row whose X-Forwarded-For is walked
PDEATHSIG = 1  # prctl(2): signal this process when its parent dies

STRIPPED = (
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    # Serve obeys these from anyone: a client could stretch its own deadline or forbid its cancellation.
    "x-request-timeout-seconds",
    "x-request-disconnect-disabled",
    "x-session-id",
    "serve_multiplexed_model_id",
    "serve-multiplexed-model-id",
)
STRIPPED_BEGINNINGS = ("x-forwarded", "x-socialflow-")

# Half a body, or an answer that nobody reads or gives, keeps its connection no longer than this: Serve's hour
# lets one machine hold every connection. Server-sent events have heartbeats and are never silent for so long.
IDLE = "60s"
TIMEOUTS = f"    timeout http-request 15s\n    timeout server {IDLE}\n    timeout tunnel 1h"

# While no replica runs, Serve keeps requests until there is one again: people are told before they give up.
ANSWER = "http-request set-timeout server 8s unless { req.hdr(content-type) -m beg multipart/ }"

UNAVAILABLE = (
    "HTTP/1.1 503 Service Unavailable\r\n"
    "content-type: application/json; charset=utf-8\r\n"
    "retry-after: 1\r\n"
    "cache-control: no-store\r\n"
    "access-control-allow-origin: *\r\n"
    "content-length: {length}\r\n"
    "\r\n"
    "{body}"
)
NOT_YET = r"\1\n    http-request deny deny_status 503"
UNAVAILABLE_BODY = json.dumps({"error": "The server is starting or restarting a part; retry shortly"})


@dataclass(frozen=True)
class Ingress:
    """What the configuration is made to say."""

    host: str  # the one address that other machines may reach
    port: int
    secret: str  # proves to a replica that the header below is HAProxy's
    trusted_proxies: tuple[str, ...]
    error_file: str
    program: str

    def write(self, path: Path) -> None:
        """Store for the process that Serve will start, readable by its owner only."""
        Path(self.error_file).write_bytes(unavailable_answer())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(self), file)

    @classmethod
    def read(cls, path: Path) -> "Ingress":
        """What `write` stored."""
        stored = json.loads(path.read_text())
        return cls(**stored | {"trusted_proxies": tuple(stored["trusted_proxies"])})


def unavailable_answer() -> bytes:
    """What a client gets while no replica can be reached."""
    return UNAVAILABLE.format(length=len(UNAVAILABLE_BODY), body=UNAVAILABLE_BODY).encode()


def close_doors(config: str, ingress: Ingress) -> str:
    """The configuration as it should have been. Raises ValueError when a line is not where it was."""
    config = _replace(config, r"^(\s*stats socket \S+ )mode 666( .*)$", r"\1mode 600\2")
    config = _replace(
        config, r"^\s*log \S+ local0 info$", "    # no access log: query strings may carry tokens"
    )
    config = _replace(config, r"^\s*bind :(\d+)$", r"    bind 127.0.0.1:\1")
    config = _replace(config, r"^\s*bind \*:(\d+)$", r"  bind 127.0.0.1:\1")
    config = re.sub(r"(errorfile 50[234]) \S+", rf"\1 {ingress.error_file}", config)
    config = _replace(config, r"^(\s*retry-on conn-failure)$", r"\1 empty-response")
    config = _replace(config, r"^(\s*)timeout client \S+$", rf"\1timeout client {IDLE}")
    config = re.sub(r"^backend http-api$", f"backend http-api\n    {ANSWER}", config, flags=re.MULTILINE)
    config = _replace(config, r"^defaults$", f"defaults\n{TIMEOUTS}")
    # The API is at the root, so a path without an application means that it has not started yet.
    config = _replace(config, r"^(backend default_backend)\n\s*http-request return status 404 .*$", NOT_YET)
    rules = "\n".join(f"    {rule}" for rule in ingress_rules(ingress))
    bind = f"    bind {bind_address(ingress.host, ingress.port)}"
    return _replace(
        config,
        r"^(frontend http_frontend)\n\s*bind .*$",
        lambda _: f"frontend http_frontend\n{bind}\n{rules}",
    )


def _replace(config: str, pattern: str, replacement: object) -> str:
    changed, count = re.subn(pattern, replacement, config, flags=re.MULTILINE)  # type: ignore[call-overload]
    if count != 1:
        raise ValueError(
            f"the HAProxy template of this Ray differs: {count} lines match {pattern!r}, not one"
        )
    return str(changed)


def bind_address(host: str, port: int) -> str:
    """HAProxy's spelling of an address."""
    if host == "0.0.0.0":  # noqa: S104 - the person asked for it with --host
        return f"*:{port}"
    if host == "::":
        return f"[::]:{port} v4v6"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def ingress_rules(ingress: Ingress) -> list[str]:
    """Forget what the client says about itself, unless a trusted proxy says it; tell replicas the rest."""
    rules = [
        "http-request return status 404 if { path,url_dec -m beg /-/ } !{ src 127.0.0.0/8 ::1 }",
        "http-request set-var(txn.client) src",
        "http-request set-var(txn.scheme) str(http)",
    ]
    if ingress.trusted_proxies:
        networks = " ".join(str(ipaddress.ip_network(text)) for text in ingress.trusted_proxies)
        rules.append(f"acl from_proxy src {networks}")
        secure = "from_proxy { req.hdr(x-forwarded-proto) -i https }"
        rules.append(f"http-request set-var(txn.scheme) str(https) if {secure}")
        # From the right: each address was appended by the one after it, so go on only while that one is ours.
        for hop in range(1, HOPS_MAX + 1):
            rules.append(
                f"http-request set-var(txn.client) req.hdr_ip(x-forwarded-for,-{hop}) "
                f"if {{ var(txn.client) -m ip {networks} }}"
            )
    # A replica that died over a request may have done what it asked: only readers are sent on to another.
    rules.append("http-request disable-l7-retry unless { method GET HEAD }")
    rules += [f"http-request del-header {beginning} -m beg" for beginning in STRIPPED_BEGINNINGS]
    rules += [f"http-request del-header {name}" for name in STRIPPED]
    rules.append(f'http-request set-header {HEADER} "{ingress.secret} %[var(txn.client)] %[var(txn.scheme)]"')
    rules.append("http-response del-header server")
    return rules


def main(arguments: Sequence[str] | None = None) -> None:
    """Become HAProxy with the same arguments, but with a closed copy of the configuration named by -f."""
    options = list(sys.argv[1:] if arguments is None else arguments)
    ingress = Ingress.read(Path(os.environ[FILE_VARIABLE]))
    at = options.index("-f") + 1
    generated = Path(options[at])
    closed = generated.with_suffix(".closed")
    with generated.with_name(f"{generated.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Serve holds it while it writes
        closed.write_text(close_doors(generated.read_text(), ingress))
    # Serve knows its processes by the generated file among their arguments: -L names the local peer, unused.
    options[at : at + 1] = [str(closed), "-L", str(generated)]
    # Dies with the actor that holds it: an orphan would keep the port and a share of its connections.
    ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGTERM)
    os.execv(ingress.program, [ingress.program, *options])  # noqa: S606


if __name__ == "__main__":
    main()
