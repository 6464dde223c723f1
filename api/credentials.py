"""The part of an account's JSON that only its owner gets: `source`, `role` and preferences. Pure."""

from typing import Any

from db.queries.accounts import Credentials

# Bits of a role's permissions, as Mastodon numbers them (app/models/user_role.rb).
_ADMINISTRATOR = 1 << 0
_VIEW_DASHBOARD = 1 << 3
_MANAGE_REPORTS = 1 << 4
_MANAGE_SETTINGS = 1 << 6
_MANAGE_TAXONOMIES = 1 << 8
_MANAGE_USERS = 1 << 10
_MANAGE_ROLES = 1 << 12
_INVITE_USERS = 1 << 16
_MODERATE = _VIEW_DASHBOARD | _MANAGE_REPORTS | _MANAGE_TAXONOMIES | _MANAGE_USERS

# name in the database -> id, shown name, permissions
_ROLES = {
    "user": ("-99", "", _INVITE_USERS),
    "moderator": ("1", "Moderator", _MODERATE | _INVITE_USERS),
    "admin": ("2", "Admin", _MODERATE | _MANAGE_SETTINGS | _MANAGE_ROLES | _INVITE_USERS),
    "owner": ("3", "Owner", _ADMINISTRATOR),
}


def render_source(own: Credentials) -> dict[str, Any]:
    """The profile as typed, and the defaults for new posts."""
    return {
        "privacy": own.default_privacy,
        "sensitive": own.default_sensitive,
        "language": own.default_language,
        "note": own.note,
        "fields": [
            {"name": field["name"], "value": field["value"], "verified_at": field.get("verified_at")}
            for field in own.fields
        ],
        "follow_requests_count": own.follow_requests,
        "hide_collections": own.hide_collections,
        "discoverable": own.discoverable,
        "indexable": own.indexable,
        "attribution_domains": [],
        "quote_policy": "nobody",
    }


def render_role(role: str) -> dict[str, Any]:
    """What somebody may do here."""
    identifier, name, permissions = _ROLES[role]
    return {
        "id": identifier,
        "name": name,
        "color": "",
        "permissions": str(permissions),
        "highlighted": role != "user",
    }


def render_preferences(own: Credentials) -> dict[str, Any]:
    """Defaults that all of a person's clients share."""
    return {
        "posting:default:visibility": own.default_privacy,
        "posting:default:sensitive": own.default_sensitive,
        "posting:default:language": own.default_language,
        "posting:default:quote_policy": "nobody",
        "reading:expand:media": "default",
        "reading:expand:spoilers": False,
        "reading:autoplay:gifs": False,
    }
