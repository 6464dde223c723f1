"""Nonsense of every kind, sent to every route: always an answer below 500, and errors in words.

What a bad request of one feature is answered exactly is told by that feature's own tests.
"""

import io
import itertools
import json
import random
import time
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import jwt
import lxml.html
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from api.app import ROUTERS
from api.routes import authorize, pages
from tests.api.world import Person, World

Route = tuple[str, str]


def walk(routes: Sequence[Any]) -> Iterator[Route]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield from ((method, route.path) for method in sorted(route.methods) if method != "HEAD")
        elif (inner := getattr(route, "original_router", None)) is not None:
            yield from walk(inner.routes)


# Without the probe: it may say that something is not ready yet.
ROUTES: list[Route] = sorted(
    {found for module in ROUTERS for found in walk(module.router.routes)} - {("GET", "/readyz")}
)
PAGES = {path for module in (authorize, pages) for _, path in walk(module.router.routes)}
"""Where errors are pages for people."""
WRITES = [(method, path) for method, path in ROUTES if method != "GET"]


def fill(path: str, value: str) -> str:
    """The path with every parameter replaced."""
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        path = path[:start] + value + path[end + 1 :]
    return path


def check(answer: httpx.Response, *, path: str) -> None:
    """Never our fault, and always said in words."""
    about = f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:200]}"
    assert answer.status_code < 500, about
    if answer.status_code >= 400 and path not in PAGES:
        assert answer.headers["content-type"].startswith("application/json"), about
        body = answer.json()
        assert isinstance(body["error"], str), about
        assert body["error"], about
        assert "Traceback" not in answer.text, about


async def send(
    client: httpx.AsyncClient, route: Route, *, value: str = "1", **options: Any
) -> httpx.Response:
    method, path = route
    answer = await client.request(method, fill(path, value), **options)
    check(answer, path=path)
    return answer


def test_there_are_routes_to_walk() -> None:
    assert len(ROUTES) > 100
    assert ("POST", "/api/v1/statuses") in ROUTES
    assert ("POST", "/oauth/token") in ROUTES


IDS = (
    "0",
    "-1",
    "abc",
    "9" * 30,
    "9223372036854775808",
    "1.5",
    "%00",
    "%F0%9F%92%A9",
    "%FF%FE",
    "%2e%2e%2f",
    "x" * 3000,
    "'%20OR%201=1--",
    "1%0D%0AX-Evil:%201",
)


async def test_ids_that_are_none_are_not_found(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for route in ROUTES:
        for value in IDS if "{" in route[1] else ():
            answer = await send(client, route, value=value, headers=alice.headers)
            assert "x-evil" not in answer.headers


QUERIES = (
    "max_id=abc&since_id=&min_id=-1",
    "max_id=99999999999999999999&min_id=99999999999999999999",
    "limit=-1",
    "limit=0",
    "limit=abc",
    "limit=99999999999999999999999",
    "offset=-1&offset=99999999999999",
    "limit[]=1&limit[a][b]=2&max_id[]=3",
    "types[]=nonsense&exclude_types[]=%00&types[0][x]=1",
    "q=%00&acct=%00&tag=%00&id[]=%00&resource=%00",
    "q=%FF%FE&acct=%FF&id=%FF",
    "id[]=" + "&id[]=".join(["9" * 25] * 50),
    "q=" + "%25_%5C" * 500,
    "a" + "[x]" * 400 + "=1",
    "&".join(f"k{number}=1" for number in range(3000)),
    "acct=@@@@&resource=acct:@@&resource=http://[::1",
    "timeline[]=home&timeline=x&timeline[a]=1",
    "redirect_uri=javascript:alert(1)&client_id=%00&scope=%00&response_type=%00",
    "access_token=nonsense",
    "%",
    "=&=&&;",
)


async def test_queries_that_say_nothing(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for method, path in ROUTES:
        for query in QUERIES if method == "GET" else ():
            answer = await client.request(method, f"{fill(path, alice.id)}?{query}", headers=alice.headers)
            check(answer, path=path)


NESTED = "[" * 5000 + "]" * 5000
BODIES: dict[str, tuple[str, bytes]] = {
    "broken JSON": ("application/json", b'{"status": "x'),
    "no object": ("application/json", b'["a"]'),
    "null": ("application/json", b"null"),
    "a number": ("application/json", b"1e999"),
    "not a number": ("application/json", b'{"status": NaN}'),
    "deep": ("application/json", b'{"status": ' + NESTED.encode() + b"}"),
    "no UTF-8": ("application/json", b'{"status": "\xff\xfe"}'),
    "half a surrogate": (
        "application/json",
        b'{"status": "\\ud800", "title": "\\ud800", "username": "\\udfff"}',
    ),
    "zero bytes": (
        "application/json",
        json.dumps(
            dict.fromkeys(("status", "title", "display_name", "note", "username", "email", "q"), "a\x00b")
        ).encode(),
    ),
    "huge number": ("application/json", b'{"limit": ' + b"9" * 5000 + b', "status": "x"}'),
    "deep form": ("application/x-www-form-urlencoded", b"a" + b"[x]" * 500 + b"=1"),
    "crossed form": (
        "application/x-www-form-urlencoded",
        b"source=1&source[privacy]=2&source[]=3&status[]=4",
    ),
    "bytes as form": ("application/x-www-form-urlencoded", bytes(range(256))),
    "unknown type": ("image/png", b"\x89PNG"),
    "no type": ("", b"hello"),
    "odd charset": ("application/json; charset=klingon", b"{}"),
    "no boundary": ("multipart/form-data", b"--x\r\n\r\n"),
    "cut multipart": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="file"',
    ),
    "nameless part": ("multipart/form-data; boundary=x", b"--x\r\n\r\nhi\r\n--x--\r\n"),
    "many parts": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 2000 + b"--x--\r\n",
    ),
    "too big": ("application/json", b'{"status": "' + b"x" * 1_200_000 + b'"}'),
}


async def test_bodies_that_nobody_can_read(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for route, (kind, (content_type, body)) in itertools.product(WRITES, BODIES.items()):
        headers = {**alice.headers, **({"Content-Type": content_type} if content_type else {})}
        answer = await send(client, route, value=alice.id, content=body, headers=headers)
        if kind == "broken JSON" and route == ("POST", "/api/v1/statuses"):
            assert answer.status_code == 400
        if kind == "too big" and route == ("POST", "/api/v1/statuses"):
            assert answer.status_code == 413


NAMES = (
    *("status", "visibility", "media_ids", "in_reply_to_id", "spoiler_text", "language", "sensitive", "poll"),
    *("scheduled_at", "quoted_status_id", "media_attributes", "title", "replies_policy", "exclusive"),
    *(
        "account_ids",
        "id",
        "home",
        "notifications",
        "timeline",
        "types",
        "exclude_types",
        "limit",
        "duration",
    ),
    *("reblogs", "notify", "languages", "display_name", "note", "fields_attributes", "source", "avatar"),
    *("header", "locked", "bot", "username", "email", "password", "agreement", "locale", "reason", "token"),
    *("client_name", "redirect_uris", "scopes", "website", "grant_type", "code", "redirect_uri", "client_id"),
    *("client_secret", "refresh_token", "focus", "description", "file", "q", "type", "comment", "form_token"),
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["1", "0", "true", "public", "direct", "password", "authorization_code", "\0", "<b>"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
async def test_values_of_every_type(client: httpx.AsyncClient, world: World, data: st.DataObject) -> None:
    route = data.draw(st.sampled_from(WRITES))
    body = data.draw(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6))
    headers = await _headers(world)
    await send(client, route, value="1", json=body, headers=headers)


async def _headers(world: World) -> dict[str, str]:
    """Of one person for all examples."""
    async with world.context.pool.connection() as conn:
        account_id = await conn.fetchval("SELECT id FROM accounts WHERE username = 'hypo'")
    if account_id is None:
        return (await world.person("hypo")).headers
    return (await world.sign_in(account_id=account_id, username="hypo")).headers


def forged(person: Person) -> dict[str, str]:
    claims = jwt.decode(person.token, options={"verify_signature": False})
    header = jwt.get_unverified_header(person.token)
    stranger = Ed25519PrivateKey.generate()
    head, payload, signature = person.token.split(".")
    return {
        "nonsense": "nonsense",
        "empty": "",
        "another key": jwt.encode(claims, stranger, "EdDSA", headers={"kid": header["kid"]}),
        "no algorithm": jwt.encode(claims, None, "none", headers={"kid": header["kid"]}),
        "shared secret": jwt.encode(claims, "s" * 40, "HS256", headers={"kid": header["kid"]}),
        "expired": jwt.encode({**claims, "exp": 1}, stranger, "EdDSA", headers={"kid": header["kid"]}),
        "cut": f"{head}.{payload}.{signature[:-6]}",
        "long": "a" * 9000,
    }


async def test_tokens_that_are_none_open_nothing(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    needs_token = []
    for route in ROUTES:
        if route[1] in PAGES:
            continue
        answer = await send(client, route, value=alice.id)
        if answer.status_code == 401 and route[1].startswith("/api/"):
            needs_token.append(route)
    assert len(needs_token) > 50
    for token in forged(alice).values():
        for route in needs_token:
            answer = await send(client, route, value=alice.id, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 401, (token, route)
    for value in ("Basic YTpi", "Bearer", "bearer \xff", "Token x"):
        answer = await send(
            client, ("GET", "/api/v1/timelines/home"), headers={"Authorization": value.encode("latin-1")}
        )
        assert answer.status_code == 401


async def test_an_expired_token_of_ours_is_refused(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    person = await world.sign_in(account_id=alice.account_id, username="alice", offline=True)
    claims = jwt.decode(person.token, options={"verify_signature": False})
    assert claims["exp"] > time.time()
    head, _, signature = person.token.split(".")
    later = jwt.encode({**claims, "exp": claims["exp"] + 10**9}, None, "none").split(".")[1]
    answer = await client.get(
        "/api/v1/timelines/home", headers={"Authorization": f"Bearer {head}.{later}.{signature}"}
    )
    assert answer.status_code == 401


SCRIPTS = (
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "[x](javascript:alert(1))",
    "javascript:alert(1)//https://example.org",
    "<svg/onload=alert(1)>",
    'https://example.org/"onmouseover="alert(1)',
    "<a href='java\tscript:alert(1)'>x</a>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<![CDATA[<script>]]><iframe src=//evil>",
    "@alice<script> #tag<script>",
)


async def test_scripts_stay_text(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    for script in SCRIPTS:
        status = await client.post(
            "/api/v1/statuses", headers=alice.headers, json={"status": script, "spoiler_text": script}
        )
        profile = await client.patch(
            "/api/v1/accounts/update_credentials",
            headers=alice.headers,
            json={
                "note": script,
                "fields_attributes": [{"name": script[:200], "value": script}],
            },
        )
        assert (status.status_code, profile.status_code) == (200, 200), profile.text
        shown = status.json()["content"], profile.json()["note"], profile.json()["fields"][0]["value"]
        for html in shown:
            for element in lxml.html.fragment_fromstring(html, create_parent="div").iter():
                assert element.tag in ("div", "p", "br", "a", "span"), html
                assert not [name for name in element.attrib if name.startswith(("on", "style"))], html
                assert element.get("href", "http://").startswith(("http://", "https://")), html


def bomb() -> bytes:
    """A PNG of 60,000 x 60,000 pixels that says so honestly, in few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    header = (60_000).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    pixels = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def many_frames() -> bytes:
    file = io.BytesIO()
    frames = [Image.new("P", (800, 800), colour) for colour in range(40)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(file, kind)
    return file.getvalue()


IMAGES: dict[str, tuple[str, bytes]] = {
    "text": ("image/png", b"hello"),
    "empty": ("image/png", b""),
    "cut": ("image/png", picture("PNG")[:60]),
    "html in disguise": ("image/jpeg", b"\xff\xd8\xff<script>alert(1)</script>"),
    "svg": ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
    "bomb": ("image/png", bomb()),
    "noise": ("image/webp", b"RIFF\xff\xff\xff\xffWEBPVP8 " + random.Random(1).randbytes(500)),
    "postscript": ("image/png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
    "a program": ("application/x-msdownload", b"MZ" + bytes(100)),
    "two bytes of tiff": ("image/tiff", b"II*\0" + b"\xff" * 200),
}
UPLOADS = (
    ("POST", "/api/v2/media", "file"),
    ("POST", "/api/v1/media", "file"),
    ("PATCH", "/api/v1/accounts/update_credentials", "avatar"),
    ("PATCH", "/api/v1/accounts/update_credentials", "header"),
)


async def test_images_that_are_none_are_refused(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    before = (await client.get(f"/api/v1/accounts/{alice.id}")).json()
    for (kind, (content_type, data)), (method, path, field) in itertools.product(IMAGES.items(), UPLOADS):
        answer = await client.request(
            method, path, headers=alice.headers, files={field: ("x.png", data, content_type)}
        )
        check(answer, path=path)
        # Browsers send an empty file for a field that was left alone: that changes no profile.
        allowed = (200,) if kind == "empty" and method == "PATCH" else (400, 413, 415, 422)
        assert answer.status_code in allowed, (path, answer.text)
    after = (await client.get(f"/api/v1/accounts/{alice.id}")).json()
    assert (after["avatar"], after["header"]) == (before["avatar"], before["header"])


async def test_a_film_of_large_frames_costs_no_server(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    answer = await client.post(
        "/api/v2/media", headers=alice.headers, files={"file": ("x.gif", many_frames(), "image/gif")}
    )
    check(answer, path="/api/v2/media")


async def test_a_file_that_is_too_large_is_refused(client: httpx.AsyncClient, world: World) -> None:
    alice = await world.person("alice")
    data = picture("PNG") + bytes(world.context.settings.web.upload_bytes_max)
    answer = await client.post("/api/v2/media", headers=alice.headers, files={"file": ("x.png", data)})
    check(answer, path="/api/v2/media")
    assert answer.status_code in (413, 422)


async def test_nothing_of_a_refused_request_is_done(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    media = await client.post(
        "/api/v2/media", headers=alice.headers, files={"file": ("x.png", picture("PNG"), "image/png")}
    )
    for wrong in (
        {"status": f"@bob {'x' * 500}"},
        {"status": "@bob", "visibility": "nonsense"},
        {"status": "@bob", "media_ids": [media.json()["id"], "1"]},
        {"status": "@bob", "in_reply_to_id": "1"},
    ):
        answer = await client.post(
            "/api/v1/statuses", headers={**alice.headers, "Idempotency-Key": "k"}, json=wrong
        )
        assert 400 <= answer.status_code < 500
    assert (await client.get("/api/v1/notifications", headers=bob.headers)).json() == []
    assert (await client.get(f"/api/v1/accounts/{alice.id}")).json()["statuses_count"] == 0
    right = {"status": "now right", "media_ids": [media.json()["id"]]}
    answer = await client.post(
        "/api/v1/statuses", headers={**alice.headers, "Idempotency-Key": "k"}, json=right
    )
    assert answer.status_code == 200, answer.text
