"""What people of a load test are like: how they get a token, what they write. Knows the public API only."""

import os
import random
from pathlib import Path
from secrets import token_hex

from locust import HttpUser

WORDS = ("tea", "rain", "train", "garden", "code", "music", "bread", "river", "lamp", "letter", "window")
TAGS = ("tea", "music", "rain")
SCOPES = "read write follow"
PASSWORD = "a long enough password"


def sign_up(user: HttpUser) -> None:
    """Register an app and an account, and keep its token. Servers limit sign-ups by address: for more people
    than that allows, SOCIALFLOW_TOKENS may name a file with one access token a line."""
    token = _given_token() or _new_token(user)
    user.client.headers["Authorization"] = f"Bearer {token}"


def sentence() -> str:
    """A short post, sometimes with a hashtag."""
    words = random.choices(WORDS, k=random.randint(4, 25))
    if random.random() < 0.3:
        words.append(f"#{random.choice(TAGS)}")
    return " ".join(words).capitalize()


def _given_token() -> str | None:
    path = os.environ.get("SOCIALFLOW_TOKENS")
    if path is None:
        return None
    return random.choice(Path(path).read_text().split())


def _new_token(user: HttpUser) -> str:
    app = user.client.post(
        "/api/v1/apps",
        json={
            "client_name": "load test",
            "redirect_uris": "urn:ietf:wg:oauth:2.0:oob",
            "scopes": SCOPES,
        },
    ).json()
    credentials = {"client_id": app["client_id"], "client_secret": app["client_secret"], "scope": SCOPES}
    own = user.client.post("/oauth/token", data={**credentials, "grant_type": "client_credentials"}).json()
    name = f"load_{token_hex(6)}"
    account = {
        "username": name,
        "email": f"{name}@example.org",
        "password": PASSWORD,
        "agreement": True,
        "locale": "en",
    }
    answer = user.client.post(
        "/api/v1/accounts", json=account, headers={"Authorization": f"Bearer {own['access_token']}"}
    )
    answer.raise_for_status()
    token: str = answer.json()["access_token"]
    return token
