"""How other software finds out what runs here and who lives here: nodeinfo, host-meta, webfinger."""

from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answers, deps, forms, manifest
from api.actions import accounts, instance
from cluster.errors import MalformedRequest, NotFound
from cluster.settings import Settings

router = APIRouter(tags=["discovery"])

SCHEMA = "http://nodeinfo.diaspora.software/ns/schema/{}"
VERSIONS = ("2.0", "2.1")


class WebfingerParams(forms.Params):
    """Who is looked for."""

    resource: str = ""


@router.get("/.well-known/nodeinfo")
async def nodeinfo_links(request: Request) -> Response:
    """Where the nodeinfo documents are."""
    base = deps.context(request).settings.public_url
    links = [{"rel": SCHEMA.format(one), "href": f"{base}/nodeinfo/{one}"} for one in VERSIONS]
    return answers.json({"links": links})


@router.get("/nodeinfo/{version}")
async def nodeinfo(request: Request, version: str) -> Response:
    """What runs here."""
    if version not in VERSIONS:
        raise NotFound
    document = manifest.render_nodeinfo(await instance.describe(deps.context(request)), version=version)
    return answers.json(document)


@router.get("/.well-known/host-meta")
async def host_meta(request: Request) -> Response:
    """Where to ask for people."""
    template = f"{deps.context(request).settings.public_url}/.well-known/webfinger?resource={{uri}}"
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">\n'
        f'  <Link rel="lrdd" template={quoteattr(template)}/>\n'
        "</XRD>\n"
    )
    return Response(body, media_type="application/xrd+xml; charset=utf-8")


@router.get("/.well-known/webfinger")
async def webfinger(request: Request) -> Response:
    """Who somebody is, by `acct:name@domain` or by the address of their profile. RFC 7033."""
    params = await forms.read(request, WebfingerParams)
    if not params.resource:
        raise MalformedRequest("The parameter resource is missing")
    ctx = deps.context(request)
    account_id = await accounts.find(ctx, acct=_acct(params.resource, ctx.settings))
    name = await accounts.username(ctx, account_id=account_id)
    base = ctx.settings.public_url
    profile = f"{base}/@{name}"
    document = {
        "subject": f"acct:{name}@{ctx.settings.domain}",
        "aliases": [profile, f"{base}/users/{name}"],
        "links": [
            {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": profile},
        ],
    }
    response = answers.json(document)
    response.headers["Content-Type"] = "application/jrd+json; charset=utf-8"
    return response


def _acct(resource: str, settings: Settings) -> str:
    """The name in a resource. Raises NotFound for one that cannot be ours."""
    if resource.startswith("acct:"):
        acct = resource.removeprefix("acct:")
        if "@" not in acct.removeprefix("@"):
            raise NotFound
        return acct
    if resource.startswith(f"{settings.public_url}/"):
        path = urlsplit(resource).path
        for prefix in ("/@", "/users/"):
            if path.startswith(prefix) and "/" not in path.removeprefix(prefix):
                return path.removeprefix(prefix)
    raise NotFound
