"""Mastodon.py reads, finds and edits accounts."""

import httpx
import pytest
from mastodon import Mastodon, MastodonAPIError, MastodonNotFoundError, MastodonUnauthorizedError

from tests.api.drivers.conftest import Meet
from tests.api.drivers.friends import picture, texts


def test_an_account_knows_itself_and_others_see_less(meet: Meet, nobody: Mastodon) -> None:
    (alice,) = meet("alice")
    me = alice.api.account_verify_credentials()
    assert (me.id, me.username, me.acct) == (alice.id, alice.name, alice.name)
    assert (me.source.privacy, me.source.sensitive, me.source.follow_requests_count) == ("public", False, 0)
    seen = nobody.account(alice.id)
    assert (seen.username, seen.display_name) == (alice.name, alice.name.title())
    assert (seen.statuses_count, seen.followers_count, seen.following_count) == (0, 0, 0)
    assert seen.source is None
    assert seen.url.endswith(f"/@{alice.name}")
    assert [account.id for account in nobody.accounts([alice.id])] == [alice.id]
    with pytest.raises(MastodonNotFoundError):
        nobody.account("123")
    with pytest.raises(MastodonUnauthorizedError):
        nobody.me()


def test_a_profile_takes_words_fields_and_defaults(meet: Meet, nobody: Mastodon) -> None:
    alice, bob = meet("alice", "bob")
    changed = alice.api.account_update_credentials(
        display_name="Alice <3",
        note="I know @" + bob.name + "\nhttps://example.org #tea <script>alert(1)</script>",
        fields=[("Home", "https://alice.example"), ("Tea", "green & black")],
        locked=True,
        bot=True,
        discoverable=False,
        hide_collections=True,
        indexable=False,
        default_privacy="unlisted",
        default_sensitive=True,
        default_language="de",
    )
    assert (changed.display_name, changed.locked, changed.bot, changed.discoverable) == (
        "Alice <3",
        True,
        True,
        False,
    )
    assert changed.source.note.startswith(f"I know @{bob.name}\n")
    assert [(field.name, field.value) for field in changed.source.fields] == [
        ("Home", "https://alice.example"),
        ("Tea", "green & black"),
    ]
    assert (changed.source.privacy, changed.source.sensitive, changed.source.language) == (
        "unlisted",
        True,
        "de",
    )
    seen = nobody.account(alice.id)
    assert "<script" not in seen.note
    assert f"/@{bob.name}" in seen.note
    assert 'href="https://alice.example"' in seen.fields[0].value
    assert seen.fields[1].value == "green &amp; black"
    status = alice.api.status_post("as I always do")
    assert (status.visibility, status.language) == ("unlisted", "de")
    preferences = alice.api.preferences()
    assert preferences["posting:default:visibility"] == "unlisted"
    assert preferences["posting:default:sensitive"] is True
    assert preferences["posting:default:language"] == "de"
    assert alice.api.account_update_credentials(fields=[("Tea", "none")]).fields[0].value == "none"


def test_pictures_of_a_profile_are_kept_shown_and_removed(meet: Meet) -> None:
    (alice,) = meet("alice")
    before = alice.api.me()
    changed = alice.api.account_update_credentials(
        avatar=picture(500, 500),
        avatar_mime_type="image/png",
        header=picture(900, 300, kind="JPEG"),
        header_mime_type="image/jpeg",
    )
    assert changed.avatar != before.avatar
    assert changed.header != before.header
    for url in (changed.avatar, changed.avatar_static, changed.header, changed.header_static):
        answer = httpx.get(url)
        assert answer.headers["content-type"].startswith("image/")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert len(answer.content) > 100
    assert alice.api.account_delete_avatar().avatar == before.avatar
    assert alice.api.account_delete_header().header == before.header
    with pytest.raises(MastodonAPIError):
        alice.api.account_update_credentials(
            avatar=picture(5, 5), avatar_mime_type="text/html", note="x" * 501
        )


def test_people_are_looked_up_and_searched(meet: Meet, nobody: Mastodon) -> None:
    alice, bob = meet("searchable", "bob")
    assert nobody.account_lookup(alice.name).id == alice.id
    assert nobody.account_lookup(f"@{alice.name.upper()}").id == alice.id
    with pytest.raises(MastodonNotFoundError):
        nobody.account_lookup("nobody_at_all")
    assert [found.id for found in bob.api.account_search(alice.name)] == [alice.id]
    assert [found.id for found in bob.api.search(alice.name, result_type="accounts").accounts] == [alice.id]
    assert bob.api.account_search(alice.name, following=True) == []
    bob.api.account_follow(alice.id)
    assert [found.id for found in bob.api.account_search(alice.name, following=True)] == [alice.id]


def test_search_finds_a_status_by_its_address_and_hashtags_by_name(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    status = alice.api.status_post("where is this #findable")
    secret = alice.api.status_post("and this", visibility="private")
    assert [found.id for found in bob.api.search(status.url, resolve=True).statuses] == [status.id]
    assert bob.api.search(secret.url, resolve=True).statuses == []
    tags = bob.api.search("findable", result_type="hashtags").hashtags
    assert [tag.name for tag in tags] == ["findable"]


def test_the_statuses_of_an_account_are_filtered(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    plain = alice.api.status_post("plain #one")
    reply = alice.api.status_post("reply", in_reply_to_id=bob.api.status_post("bob's"))
    media = alice.api.media_post(picture(), mime_type="image/png")
    shown = alice.api.status_post("shown", media_ids=[media])
    reblog = alice.api.status_reblog(bob.api.status_post("more of bob"))

    def ids(**filters: object) -> list[str]:
        return [status.id for status in bob.api.account_statuses(alice.id, **filters)]

    assert ids() == [reblog.id, shown.id, reply.id, plain.id]
    assert ids(exclude_replies=True) == [reblog.id, shown.id, plain.id]
    assert ids(exclude_reblogs=True) == [shown.id, reply.id, plain.id]
    assert ids(only_media=True) == [shown.id]
    assert ids(tagged="one") == [plain.id]
    assert ids(limit=1) == [reblog.id]
    assert ids(max_id=shown.id) == [reply.id, plain.id]
    assert ids(min_id=plain.id, limit=1) == [reply.id]


def test_all_pages_of_an_account_are_each_status_once(meet: Meet, nobody: Mastodon) -> None:
    (alice,) = meet("alice")
    posted = [alice.api.status_post(str(number)).id for number in range(7)]
    first = nobody.account_statuses(alice.id, limit=3)
    assert texts(first) == ["6", "5", "4"]
    assert [status.id for status in nobody.fetch_remaining(first)] == posted[::-1]
    second = nobody.fetch_next(first)
    assert texts(second) == ["3", "2", "1"]
    assert texts(nobody.fetch_previous(second)) == ["6", "5", "4"]
    assert list(map(int, texts(list(nobody.pagination_iterator(first))))) == [6, 5, 4, 3, 2, 1, 0]
