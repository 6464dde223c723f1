"""`socialflow status`: what runs in a home, and whether its parts answer."""

import json
import time
import urllib.error
import urllib.request
from typing import Any

from deployments import instance
from deployments.home import Home


def describe(home: Home) -> dict[str, Any]:
    """The instance and its readiness; `well` is false when it does not run or a part does not answer."""
    found = instance.read(home)
    if found is None or not found.alive:
        return {"home": str(home.root), "state": "stopped", "well": False}
    described: dict[str, Any] = {
        "home": str(home.root),
        "state": found.state,
        "pid": found.pid,
        "url": found.url,
        "public_url": found.public_url,
        "up_s": round(time.time() - found.born),
        "start_s": found.seconds,
        "steps_s": found.steps,
        "ports": found.ports,
    }
    code, answer = _ask(f"{found.url}/readyz")
    return described | {"parts": answer.get("parts", answer), "well": code == 200 and found.state == "ready"}


def _ask(url: str) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own URL
            return answer.status, _object(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, _object(error.read())
    except OSError as error:
        return 0, {"api": str(error)}


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def render(described: dict[str, Any]) -> str:
    """For people."""
    if described["state"] == "stopped":
        return f"nothing runs in {described['home']}"
    lines = [
        f"{described['state']} at {described['url']} for {described['up_s']} s (pid {described['pid']})",
        f"home {described['home']}",
    ]
    lines += [f"  {name}: {state}" for name, state in described["parts"].items()]
    return "\n".join(lines)
