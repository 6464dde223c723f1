"""What a token endpoint answers with: access and refresh tokens of a session, made from its grant. Pure."""

import datetime as dt
from dataclasses import dataclass

from actors.ports import Grant, Tokens
from actors.states import signing
from actors.states.sessions import derive_refresh_token, hash_token
from cluster.settings import Settings


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh token's text and row."""

    token: str
    token_hash: bytes
    expires_at: dt.datetime


class Mint:
    """Makes tokens as the settings say."""

    def __init__(self, settings: Settings) -> None:
        self._issuer = settings.public_url
        self._auth = settings.auth
        self._secret = settings.auth.secret.get_secret_value().encode()

    def refresh(self, *, session_id: int, generation: int, now: dt.datetime) -> Refresh:
        """The refresh token of a family's generation, made at `now`."""
        token = derive_refresh_token(self._secret, session_id=session_id, generation=generation)
        return Refresh(token, hash_token(token), now + dt.timedelta(seconds=self._auth.refresh_ttl_s))

    def tokens(
        self,
        grant: Grant,
        *,
        key: signing.SigningKey,
        session_id: int,
        now: dt.datetime,
        refresh: Refresh | None,
    ) -> Tokens:
        """The answer for a session of `grant`; with a refresh token, the access token is short-lived."""
        issued_at = int(now.timestamp())
        expires_in_s = self._auth.access_ttl_s if refresh else None
        access_token = signing.mint(
            key,
            issuer=self._issuer,
            session_id=session_id,
            account_id=grant.account_id,
            app_id=grant.app_id,
            scopes=grant.scopes,
            issued_at=issued_at,
            expires_at=issued_at + expires_in_s if expires_in_s else None,
        )
        return Tokens(
            session_id,
            access_token,
            grant.scopes,
            issued_at,
            expires_in_s,
            refresh.token if refresh else None,
        )
