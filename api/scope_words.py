"""What the consent page says about each scope. Pure."""

from collections.abc import Iterable

_NOUNS = {
    "accounts": "accounts",
    "blocks": "blocks",
    "bookmarks": "bookmarks",
    "conversations": "conversations",
    "favourites": "favourites",
    "filters": "filters",
    "follows": "follows",
    "lists": "lists",
    "media": "media files",
    "mutes": "mutes",
    "notifications": "notifications",
    "reports": "reports",
    "search": "search results",
    "statuses": "posts",
}
_WHOLE = {
    "profile": "see who you are, without your e-mail address",
    "read": "read everything in your account, private messages included",
    "write": "change everything in your account, and post as you",
    "follow": "follow, mute and block people for you",
    "push": "send you push notifications",
    "admin:read": "read everything on this server, if you are one of its staff",
    "admin:write": "change everything on this server, if you are one of its staff",
    "offline_access": "stay signed in until you end it",
}
_BEGINNINGS = {
    "read:": "read your ",
    "write:": "change your ",
    "admin:read:": "as staff, read ",
    "admin:write:": "as staff, change ",
}


def describe(scopes: Iterable[str]) -> list[str]:
    """One line for each scope."""
    return [_WHOLE.get(scope) or _partial(scope) for scope in scopes]


def _partial(scope: str) -> str:
    for beginning, words in _BEGINNINGS.items():
        if scope.startswith(beginning):
            noun = scope.removeprefix(beginning)
            return words + _NOUNS.get(noun, noun.replace("_", " "))
    return scope
