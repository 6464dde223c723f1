"""Ed25519 keys that sign access tokens, and the tokens' claims. Pure; Postgres keeps the keys.

https://www.rfc-editor.org/rfc/rfc8037 (EdDSA in JOSE), https://www.rfc-editor.org/rfc/rfc9068 (claims).
"""

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

ALGORITHM = "EdDSA"
AUDIENCE = "socialflow-api"
LEAD_S = 120  # a new key signs only after this, when every replica knows it (they look every 60 s)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and its name in token headers."""

    kid: str
    private: Ed25519PrivateKey
    created_at: dt.datetime

    @classmethod
    def generate(cls, now: dt.datetime) -> Self:
        """A new key, born at `now`."""
        return cls(secrets.token_hex(8), Ed25519PrivateKey.generate(), now)

    @classmethod
    def from_bytes(cls, kid: str, private: bytes, created_at: dt.datetime) -> Self:
        """The key written by `private_bytes`."""
        return cls(kid, Ed25519PrivateKey.from_private_bytes(private), created_at)

    def private_bytes(self) -> bytes:
        """The secret half, 32 bytes."""
        return self.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())

    def public_bytes(self) -> bytes:
        """The public half, 32 bytes."""
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def age_s(self, now: dt.datetime) -> float:
        """Seconds since its birth."""
        return (now - self.created_at).total_seconds()


def choose(keys: Sequence[SigningKey], *, now: dt.datetime) -> SigningKey:
    """The key that signs at `now`: the newest that everybody knows, or else the oldest there is."""
    known = [key for key in keys if key.age_s(now) >= LEAD_S]
    if known:
        return max(known, key=lambda key: key.created_at)
    return min(keys, key=lambda key: key.created_at)


def due(keys: Sequence[SigningKey], *, now: dt.datetime, ttl_s: int) -> bool:
    """Whether a new key is needed, so that none signs for longer than `ttl_s`."""
    return all(key.age_s(now) + LEAD_S >= ttl_s for key in keys)


def mint(
    key: SigningKey,
    *,
    issuer: str,
    session_id: int,
    account_id: int | None,
    app_id: int,
    scopes: Sequence[str],
    issued_at: int,
    expires_at: int | None,
) -> str:
    """An access token. Without `expires_at` it is valid until its session ends."""
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sid": str(session_id),
        "app": str(app_id),
        "scope": " ".join(scopes),
        "iat": issued_at,
    }
    if account_id is not None:
        claims["sub"] = str(account_id)
    if expires_at is not None:
        claims["exp"] = expires_at
    return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.kid})
