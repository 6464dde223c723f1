"""For those who run the server: is it alive, is it ready, what did it measure."""

import ipaddress

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api import answers, deps
from api.actions import instance

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def alive(_request: Request) -> Response:
    """This process answers."""
    return answers.json({"status": "alive"})


@router.get("/health")
async def healthy(_request: Request) -> Response:
    """The same, as Mastodon says it: its clients ask here."""
    return PlainTextResponse("OK")


@router.get("/readyz")
async def ready(request: Request) -> Response:
    """Whether every part that requests need is there: 503 names the one that is not."""
    parts = await instance.readiness(deps.context(request))
    is_ready = all(state == "ok" for state in parts.values())
    return answers.json(
        {"status": "ready" if is_ready else "not ready", "parts": parts},
        status=200 if is_ready else 503,
        headers={"Cache-Control": "no-store"},
    )


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """What the replica that answers has measured, for Prometheus: from this machine, or with a token of
    the staff that has the scope admin:read. With several replicas, each answers for itself."""
    if not _on_this_machine(request):
        caller = await deps.user(request, "admin:read")
        await instance.require_staff(deps.context(request), account_id=caller.account_id)
    return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _on_this_machine(request: Request) -> bool:
    """Whether the client's address is a loopback one. Behind a proxy on this machine it always is, unless
    `web.trusted_proxies` names the proxy: then it is the address that the proxy says."""
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
