"""`socialflow down`: ask the supervisor to stop, then end whatever is left."""

import signal
from typing import Any

import psutil

from deployments import instance
from deployments.home import Home
from deployments.processes import end_leftovers, wait_gone

PATIENCE_S = 45.0  # Serve may take 10 s, Ray 10 s, Postgres' last checkpoint more


def stop(home: Home) -> dict[str, Any]:
    """Stop what runs in this home; says what was done. A second call finds nothing to do."""
    found = instance.read(home)
    asked = found is not None and found.alive
    if found is not None and asked:
        try:
            psutil.Process(found.pid).send_signal(signal.SIGTERM)
            asked = wait_gone(found.pid, timeout_s=PATIENCE_S)
        except psutil.NoSuchProcess:
            pass
    left = end_leftovers(home) if home.root.exists() else 0
    home.instance.unlink(missing_ok=True)
    if asked:
        did = f"stopped {home.root}"
    elif left:
        did = f"ended {left} processes that a crash had left of {home.root}"
    else:
        did = f"nothing runs in {home.root}"
    return {"home": str(home.root), "was_running": asked, "leftovers": left, "did": did}
