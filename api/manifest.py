"""What this server says of itself: the instance documents, nodeinfo, and the policies. Pure."""

from dataclasses import dataclass
from typing import Any

import orjson

from api import images
from cluster.settings import Settings
from cluster.version import COMPATIBLE, MASTODON_API, VERSION
from db.queries.instance import Usage

DESCRIPTION = "A real-time social server that speaks the Mastodon API."

LANGUAGES = ["en"]
POLICY_SINCE = "2025-01-01"
PRIVACY_POLICY = (
    "<p>This server keeps what you give it: your name, your email address, a hash of your password, what you "
    "post and upload, and whom you follow, mute and block. Posts are shown to those whom their visibility "
    "names; direct posts are not encrypted, and whoever runs the server can read them. What you delete is "
    "deleted. Nothing is sold, and nothing is sent to other servers.</p>"
)
IMAGE_TYPES = [f"image/{name.lower()}" for name in images.FORMATS]

# Mastodon's own numbers, for parts that come with later features: clients read the members regardless.
_VIDEO = {
    "video_size_limit": 103_809_024,
    "video_frame_rate_limit": 120,
    "video_matrix_limit": 8_294_400,
}
_POLLS = {
    "max_options": 4,
    "max_characters_per_option": 50,
    "min_expiration": 300,
    "max_expiration": 2_629_746,
}
_FEATURED_TAGS_MAX = 10


@dataclass(frozen=True, slots=True)
class Instance:
    """What the documents are made from. `contact` is the rendered account of whoever runs the server."""

    settings: Settings
    usage: Usage
    contact: bytes | None


def render_v2(instance: Instance) -> bytes:
    """`/api/v2/instance`."""
    settings = instance.settings
    document = {
        "domain": settings.domain,
        "title": settings.title,
        "version": COMPATIBLE,
        "source_url": settings.source_url or settings.public_url,
        "description": DESCRIPTION,
        "usage": {"users": {"active_month": instance.usage.active_month}},
        "thumbnail": {"url": _thumbnail(settings), "blurhash": None, "versions": {}},
        "icon": [{"src": _thumbnail(settings), "size": "1200x630"}],
        "languages": LANGUAGES,
        "configuration": _configuration(settings),
        "registrations": {
            "enabled": settings.auth.registrations == "open",
            "approval_required": False,
            "reason_required": False,
            "message": None,
            "min_age": None,
            "url": None,
        },
        "api_versions": {"mastodon": MASTODON_API},
        "rules": [],
    }
    contact = b'"contact":{"email":%b,"account":%b}' % (
        orjson.dumps(settings.contact_email),
        instance.contact or b"null",
    )
    return b"%b,%b}" % (orjson.dumps(document)[:-1], contact)


def _configuration(settings: Settings) -> dict[str, Any]:
    everybody = {"local": "public", "remote": "public"}
    return {
        "urls": {
            "streaming": settings.streaming_url,
            "status": None,
            "about": f"{settings.public_url}/",
            "privacy_policy": f"{settings.public_url}/privacy-policy",
            "terms_of_service": None,
        },
        "vapid": {"public_key": ""},
        "accounts": {
            "max_display_name_length": 30,
            "max_note_length": 500,
            "max_featured_tags": _FEATURED_TAGS_MAX,
            "max_pinned_statuses": settings.statuses.pins_max,
            "max_profile_fields": 4,
            "profile_field_name_limit": 255,
            "profile_field_value_limit": 255,
        },
        **_limits(settings),
        "translation": {"enabled": False},
        "timelines_access": {
            "live_feeds": everybody,
            "hashtag_feeds": everybody,
            "trending_link_feeds": everybody,
        },
        "limited_federation": True,
    }


def _limits(settings: Settings) -> dict[str, Any]:
    return {
        "statuses": {
            "max_characters": settings.statuses.characters_max,
            "max_media_attachments": settings.statuses.media_max,
            "characters_reserved_per_url": settings.statuses.url_characters,
        },
        "media_attachments": {
            "supported_mime_types": IMAGE_TYPES,
            "description_limit": settings.media.description_characters_max,
            "image_size_limit": settings.web.upload_bytes_max,
            "image_matrix_limit": settings.media.pixels_max,
            **_VIDEO,
        },
        "polls": _POLLS,
    }


def render_v1(instance: Instance) -> bytes:
    """`/api/v1/instance`, for clients that know nothing newer."""
    settings = instance.settings
    document = {
        "uri": settings.domain,
        "title": settings.title,
        "short_description": DESCRIPTION,
        "description": DESCRIPTION,
        "email": settings.contact_email,
        "version": COMPATIBLE,
        "urls": {"streaming_api": settings.streaming_url},
        "stats": {
            "user_count": instance.usage.accounts,
            "status_count": instance.usage.statuses,
            "domain_count": 1,
        },
        "thumbnail": _thumbnail(settings),
        "languages": LANGUAGES,
        "registrations": settings.auth.registrations == "open",
        "approval_required": False,
        "invites_enabled": False,
        "configuration": {"accounts": {"max_featured_tags": _FEATURED_TAGS_MAX}, **_limits(settings)},
        "rules": [],
    }
    return b'%b,"contact_account":%b}' % (orjson.dumps(document)[:-1], instance.contact or b"null")


def render_nodeinfo(instance: Instance, *, version: str) -> dict[str, Any]:
    """The document at `/nodeinfo/{version}`. http://nodeinfo.diaspora.software/"""
    software = {"name": "socialflow", "version": VERSION}
    if version == "2.1":
        software["homepage"] = instance.settings.public_url
    return {
        "version": version,
        "software": software,
        "protocols": ["activitypub"],  # the schema demands one; nothing is sent to other servers
        "services": {"inbound": [], "outbound": []},
        "usage": {
            "users": {
                "total": instance.usage.accounts,
                "activeMonth": instance.usage.active_month,
                "activeHalfyear": instance.usage.active_month,
            },
            "localPosts": instance.usage.statuses,
        },
        "openRegistrations": instance.settings.auth.registrations == "open",
        "metadata": {"nodeName": instance.settings.title, "nodeDescription": DESCRIPTION},
    }


def _thumbnail(settings: Settings) -> str:
    return f"{settings.public_url}/preview.png"
