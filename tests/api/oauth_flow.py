"""What a browser and an application do to get a token, step by step."""

import html
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')


@dataclass(frozen=True, slots=True)
class App:
    """A registered application."""

    id: str
    client_id: str
    client_secret: str
    redirect_uri: str

    @property
    def credentials(self) -> dict[str, str]:
        return {"client_id": self.client_id, "client_secret": self.client_secret}


async def register(
    client: httpx.AsyncClient, *, redirect_uri: str = OUT_OF_BAND, scopes: str = "read write follow push"
) -> App:
    answer = await client.post(
        "/api/v1/apps",
        json={"client_name": "Tester", "redirect_uris": redirect_uri, "scopes": scopes},
    )
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return App(body["id"], body["client_id"], body["client_secret"], redirect_uri)


def request_of(app: App, **changes: str) -> dict[str, str]:
    return {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uri,
        "scope": "read write",
        **changes,
    }


def hidden(page: str, *, action: str) -> dict[str, str]:
    """The hidden fields of the form that leads to `action`."""
    form = re.search(rf'<form method="post" action="{action}">(.*?)</form>', page, re.S)
    assert form is not None, page
    return {name: _unescape(value) for name, value in _HIDDEN.findall(form.group(1))}


async def sign_in(
    client: httpx.AsyncClient, username: str, password: str, *, at: str = "/auth/sign_in?again=true"
) -> httpx.Response:
    page = await client.get(at)
    fields = hidden(page.text, action="/auth/sign_in")
    return await client.post("/auth/sign_in", data={**fields, "username": username, "password": password})


async def consent(
    client: httpx.AsyncClient, params: dict[str, str], *, decision: str = "allow"
) -> httpx.Response:
    """Decide on a request as somebody who is signed in."""
    page = await client.get("/oauth/authorize", params=params)
    assert page.status_code == 200, page.text
    fields = hidden(page.text, action="/oauth/authorize")
    return await client.post("/oauth/authorize", data={**fields, "decision": decision})


def code_of(answer: httpx.Response) -> str:
    """The code in a redirect or on the page."""
    if answer.status_code == 303:
        return query_of(answer)["code"]
    shown = re.search(r'<code id="authorization-code">([^<]*)</code>', answer.text)
    assert shown is not None, answer.text
    return shown.group(1)


def query_of(answer: httpx.Response) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def exchange(client: httpx.AsyncClient, app: App, **params: Any) -> httpx.Response:
    return await client.post("/oauth/token", data={**app.credentials, **params})


async def code_for(client: httpx.AsyncClient, app: App, person: Any, **changes: str) -> str:
    """Sign in, consent, and the code."""
    await sign_in(client, person.username, person.password)
    return code_of(await consent(client, request_of(app, **changes)))


async def token_for(client: httpx.AsyncClient, app: App, person: Any, **changes: str) -> dict[str, Any]:
    """The whole flow."""
    code = await code_for(client, app, person, **changes)
    answer = await exchange(
        client, app, grant_type="authorization_code", code=code, redirect_uri=app.redirect_uri
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def _unescape(text: str) -> str:
    return html.unescape(text)
