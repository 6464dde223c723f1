"""Client JSON, member by member as https://docs.joinmastodon.org/entities/ has it."""

import datetime as dt

import orjson
import pytest

from api import entities, flags
from db.entities import Application, Media, Notification, Relationship
from tests.reading import LINKS, THEN, make_account, make_card, make_parts

STATUS = {
    "id", "created_at", "in_reply_to_id", "in_reply_to_account_id", "sensitive", "spoiler_text", "visibility",
    "language", "uri", "url", "replies_count", "reblogs_count", "favourites_count", "quotes_count",
    "edited_at", "content", "account", "media_attachments", "mentions", "tags", "emojis", "card", "poll",
    "quote", "quote_approval", "reblog",
}  # fmt: skip
VIEWER = {"favourited", "reblogged", "muted", "bookmarked", "filtered"}
ACCOUNT = {
    "id", "username", "acct", "display_name", "locked", "bot", "discoverable", "indexable", "group",
    "created_at", "note", "url", "uri", "avatar", "avatar_static", "header", "header_static",
    "followers_count", "following_count", "statuses_count", "last_status_at", "hide_collections", "noindex",
    "emojis", "roles", "fields",
}  # fmt: skip


def test_an_account_has_every_documented_member() -> None:
    field = {"name": "Site", "value": "raw", "value_html": "<a>safe</a>", "verified_at": None}
    card = make_account(
        7, display_name="Alice", note="raw", note_html="<p>hi</p>", fields=[field], avatar_key="a.png"
    )
    account = orjson.loads(card.json)
    assert set(account) == ACCOUNT
    assert (account["id"], account["acct"], account["display_name"]) == ("7", "person7", "Alice")
    assert account["note"] == "<p>hi</p>"
    assert account["fields"] == [{"name": "Site", "value": "<a>safe</a>", "verified_at": None}]
    assert account["created_at"] == "2026-03-04T00:00:00.000Z"
    assert account["last_status_at"] == "2026-03-04"
    assert account["avatar"] == account["avatar_static"] == "https://social.test/media/a.png"
    assert account["header"].endswith("/headers/original/missing.png")
    assert (account["statuses_count"], account["followers_count"], account["following_count"]) == (3, 2, 1)


def test_a_suspended_account_shows_only_its_name() -> None:
    account = orjson.loads(
        make_account(
            7, display_name="Alice", note_html="<p>hi</p>", avatar_key="a.png", suspended_at=THEN
        ).json
    )
    assert account["suspended"] is True
    assert (account["username"], account["display_name"], account["note"]) == ("person7", "", "")
    assert account["avatar"].endswith("/avatars/original/missing.png")


def test_a_status_has_every_documented_member() -> None:
    media = Media(
        5, 1, 9, 0, "image", "image/png", "k.png", None, {"focus": {"x": 0.0, "y": 0.5}}, "UF", "cat", THEN
    )
    card = make_card(
        status_id=2**60,
        mentions=[2],
        tags=["cats"],
        media=[media],
        application=Application("toot", None),
        in_reply_to_id=11,
        in_reply_to_account_id=12,
        edited_at=THEN + dt.timedelta(seconds=1),
        html='<p>"quoted" & </p>',
    )
    status = orjson.loads(card.plain())
    assert set(status) == STATUS | VIEWER | {"application"}
    assert status["id"] == str(2**60)
    assert status["created_at"] == "2026-03-04T05:06:07.089Z"
    assert status["edited_at"] == "2026-03-04T05:06:08.089Z"
    assert (status["in_reply_to_id"], status["in_reply_to_account_id"]) == ("11", "12")
    assert status["content"] == '<p>"quoted" & </p>'
    assert status["url"] == f"https://social.test/@person1/{2**60}"
    assert status["mentions"] == [
        {"id": "2", "username": "person2", "url": "https://social.test/@person2", "acct": "person2"}
    ]
    assert status["tags"] == [{"name": "cats", "url": "https://social.test/tags/cats"}]
    assert status["application"] == {"name": "toot", "website": None}
    assert set(status["account"]) == ACCOUNT
    assert status["media_attachments"] == [
        {
            "id": "5",
            "type": "image",
            "url": "https://social.test/media/k.png",
            "preview_url": "https://social.test/media/k.png",
            "remote_url": None,
            "preview_remote_url": None,
            "text_url": None,
            "meta": {"focus": {"x": 0.0, "y": 0.5}},
            "description": "cat",
            "blurhash": "UF",
        }
    ]
    assert {status[name] for name in ("card", "poll", "quote", "reblog")} == {None}
    assert (status["replies_count"], status["reblogs_count"], status["favourites_count"]) == (1, 2, 3)


def test_strangers_get_no_flags() -> None:
    plain = make_card()
    assert set(orjson.loads(plain.anonymous())) == STATUS
    reblog = orjson.loads(make_card(account_id=2, inner=plain).anonymous())
    assert set(reblog) == set(reblog["reblog"]) == STATUS


@pytest.mark.parametrize("bits", range(64))
def test_every_combination_of_flags_is_spliced_into_valid_json(bits: int) -> None:
    card = make_card()
    reblog = make_card(account_id=2, inner=card)
    status = orjson.loads(card.flagged(bits))
    wrapper = orjson.loads(reblog.flagged(bits))
    for drawn in (status, wrapper, wrapper["reblog"]):
        assert drawn["favourited"] is bool(bits & flags.FAVOURITED)
        assert drawn["reblogged"] is bool(bits & flags.REBLOGGED)
        assert drawn["muted"] is bool(bits & flags.MUTED)
        assert drawn["bookmarked"] is bool(bits & flags.BOOKMARKED)
        assert drawn["filtered"] == []
    for drawn in (status, wrapper["reblog"]):
        assert drawn.get("pinned") == (bool(bits & flags.PINNED) if bits & flags.OWN else None)
    assert "pinned" not in wrapper


def test_a_reblog_wraps_the_original_and_has_an_author_of_its_own() -> None:
    wrapper = orjson.loads(make_card(account_id=2, inner=make_card(account_id=1, status_id=77)).plain())
    assert wrapper["account"]["id"] == "2"
    assert (wrapper["reblog"]["id"], wrapper["reblog"]["account"]["id"]) == ("77", "1")


def test_a_card_draws_its_author_anew_after_a_change() -> None:
    card = make_card(account_id=1)
    wrapper = make_card(account_id=2, inner=card)
    assert wrapper.current
    renamed = make_account(1, display_name="New")
    card.author.fresh = False
    assert not card.current
    assert not wrapper.current
    card.link(renamed, None)
    assert card.current
    assert not wrapper.current, "its bytes still hold the old author"
    wrapper.link(wrapper.author, card)
    assert orjson.loads(wrapper.plain())["reblog"]["account"]["display_name"] == "New"
    assert orjson.loads(card.plain())["account"]["display_name"] == "New"


def test_notifications_and_relationships() -> None:
    account, card = make_account(2), make_card()
    mention = Notification(9, 1, "mention", 2, card.id, THEN)
    drawn = orjson.loads(entities.render_notification(mention, account=account.json, status=card.plain()))
    assert {name: drawn[name] for name in ("id", "type", "created_at", "group_key")} == {
        "id": "9",
        "type": "mention",
        "created_at": "2026-03-04T05:06:07.089Z",
        "group_key": "ungrouped-9",
    }
    assert (drawn["account"]["id"], drawn["status"]["id"]) == ("2", str(card.id))
    follow = Notification(10, 1, "follow", 2, None, THEN)
    assert "status" not in orjson.loads(
        entities.render_notification(follow, account=account.json, status=None)
    )
    assert entities.render_relationship(Relationship(2, following=True, languages=["de"])) == {
        "id": "2", "following": True, "showing_reblogs": False, "notifying": False, "languages": ["de"],
        "followed_by": False, "blocking": False, "blocked_by": False, "muting": False,
        "muting_notifications": False, "muting_expires_at": None, "requested": False, "requested_by": False,
        "domain_blocking": False, "endorsed": False, "note": "",
    }  # fmt: skip


def test_extending_keeps_what_was_there() -> None:
    assert orjson.loads(entities.extended(b'{"a":1}', {"b": None})) == {"a": 1, "b": None}


def test_the_pieces_of_a_status_close_only_with_flags() -> None:
    before, after = entities.render_status(make_parts(1), links=LINKS)
    assert orjson.loads(before + b"{}" + after + b"}")["account"] == {}
