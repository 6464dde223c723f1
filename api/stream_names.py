"""Names of streams as Mastodon has them -> what they stand for, and who may read them. Pure.

https://docs.joinmastodon.org/methods/streaming/#streams
"""

from collections.abc import Mapping

from api.hub import Stream
from api.scopes import allows
from api.text import tag_name
from cluster.errors import Forbidden, MalformedRequest, Unauthenticated
from cluster.ids import parse_id

# Everything here is local: `local` names the same posts under another label, `remote` has none.
_PUBLIC = {
    "public": "",
    "public:local": "",
    "public:remote": None,
    "public:media": "media",
    "public:local:media": "media",
    "public:remote:media": None,
}
_TAGGED = ("hashtag", "hashtag:local")
_PERSONAL = {
    "user": "read:statuses",
    "user:notification": "read:notifications",
    "direct": "read:statuses",
    "list": "read:lists",
}
TAG_CHARACTERS_MAX = 200  # far above any hashtag that can be written; keys of topics must be bounded


def find(
    name: str, parameters: Mapping[str, str], *, account_id: int | None, scopes: tuple[str, ...]
) -> Stream:
    """The stream of this name for this caller. Whose list it is, only the database knows.

    Raises MalformedRequest for an unknown name or a missing parameter, Unauthenticated for a personal
    stream without a person, Forbidden without the scope.
    """
    if name in _PUBLIC:
        key = _PUBLIC[name]
        return Stream((name,), (name,), () if key is None else (("public", key),))
    if name in _TAGGED:
        typed = parameters.get("tag", "")[:TAG_CHARACTERS_MAX]
        tag = tag_name(typed.strip().removeprefix("#").strip())
        if not tag:
            raise MalformedRequest("Missing tag name parameter")
        return Stream((name, tag), (name, typed), (("tag", tag),))
    if name not in _PERSONAL:
        raise MalformedRequest("Unknown stream type")
    if account_id is None:
        raise Unauthenticated("Missing access token")
    if not _may_read(name, scopes):
        raise Forbidden("This action is outside the authorized scopes")
    return _personal(name, parameters, account_id=account_id, scopes=scopes)


def _may_read(name: str, scopes: tuple[str, ...]) -> bool:
    # Mastodon wants read:statuses for lists; who has only read:lists could read the list by REST anyway.
    return allows(scopes, _PERSONAL[name]) or (name == "list" and allows(scopes, "read:statuses"))


def _personal(
    name: str, parameters: Mapping[str, str], *, account_id: int, scopes: tuple[str, ...]
) -> Stream:
    if name == "list":
        list_id = parse_id(parameters.get("list", ""))
        if list_id is None:
            raise MalformedRequest("Missing list name parameter")
        return Stream((name, str(list_id)), (name, parameters["list"]), (("list", list_id),))
    if name == "direct":
        return Stream((name,), (name,), (("direct", account_id),))
    if name == "user:notification":
        return Stream((name,), (name,), (("notifications", account_id),))
    if allows(scopes, "read:notifications"):  # as Mastodon: the user stream leaves out what may not be read
        return Stream((name,), (name,), (("home", account_id), ("notifications", account_id)))
    return Stream((name,), (name,), (("home", account_id),))
