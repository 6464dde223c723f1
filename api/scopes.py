"""OAuth scopes: which exist, which contain which, and whether a token's are enough. The only such place.

https://docs.joinmastodon.org/api/oauth-scopes/
"""

from collections.abc import Iterable
from functools import lru_cache

from cluster.errors import OAuthError

_BOTH = ("accounts", "blocks", "bookmarks", "favourites", "filters", "follows", "lists", "mutes")
_READ = (*_BOTH, "notifications", "search", "statuses")
_WRITE = (*_BOTH, "conversations", "media", "notifications", "reports", "statuses")
_BLOCKS = ("domain_allows", "domain_blocks", "ip_blocks", "email_domain_blocks", "canonical_email_blocks")
_ADMIN = ("accounts", "reports", *_BLOCKS)

TOP = ("profile", "read", "write", "follow", "push", "admin:read", "admin:write", "offline_access")
SCOPES: tuple[str, ...] = (
    *TOP,
    *(f"read:{noun}" for noun in _READ),
    *(f"write:{noun}" for noun in _WRITE),
    *(f"admin:read:{noun}" for noun in _ADMIN),
    *(f"admin:write:{noun}" for noun in _ADMIN),
)
DEFAULT = ("read",)

_KNOWN = frozenset(SCOPES)
# Mastodon's deprecated `follow` stands for these (and for nothing else of `read` and `write`).
_FOLLOW = frozenset(f"{verb}:{noun}" for verb in ("read", "write") for noun in ("blocks", "follows", "mutes"))


def parse(text: str) -> tuple[str, ...]:
    """The scopes named in `text`, in its order, once each. Raises OAuthError (invalid_scope) for others."""
    names = tuple(dict.fromkeys(text.replace("+", " ").split())) or DEFAULT
    if not _KNOWN.issuperset(names):
        raise OAuthError("invalid_scope", "The requested scope is invalid, unknown, or malformed.")
    return names


@lru_cache(maxsize=4096)  # few distinct pairs exist: an app's scopes and a route's
def allows(held: tuple[str, ...], wanted: str) -> bool:
    """Whether a token with the scopes `held` may do what needs `wanted`."""
    return any(_covers(scope, wanted) for scope in held)


def contain(held: Iterable[str], asked: Iterable[str]) -> bool:
    """Whether an app that registered `held` may ask for all of `asked`. `offline_access` asks for no data."""
    held = tuple(held)
    return all(scope == "offline_access" or allows(held, scope) for scope in asked)


def _covers(held: str, wanted: str) -> bool:
    if held == wanted or wanted.startswith(f"{held}:"):
        return True
    return held == "follow" and wanted in _FOLLOW
