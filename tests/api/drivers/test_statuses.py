"""Mastodon.py posts, reads, answers, edits, deletes and reacts."""

import datetime as dt

import pytest
from mastodon import Mastodon, MastodonAPIError, MastodonNotFoundError, MastodonUnauthorizedError

from tests.api.drivers.conftest import Meet
from tests.api.drivers.friends import texts


def test_a_status_has_all_that_was_said(meet: Meet, nobody: Mastodon) -> None:
    alice, bob = meet("alice", "bob")
    before = dt.datetime.now(dt.UTC)
    status = alice.api.status_post(
        f"Hi @{bob.name}, see https://example.org/a?b=1&c=2 #Tea <b>now</b>",
        spoiler_text="tea",
        sensitive=True,
        language="de",
        visibility="unlisted",
    )
    assert status.account.id == alice.id
    assert (status.spoiler_text, status.sensitive, status.language) == ("tea", True, "de")
    assert status.visibility == "unlisted"
    assert [mention.id for mention in status.mentions] == [bob.id]
    assert [tag.name for tag in status.tags] == ["Tea"]
    assert "&lt;b&gt;now&lt;/b&gt;" in status.content
    assert 'href="https://example.org/a?b=1&amp;c=2"' in status.content
    assert abs((status.created_at - before).total_seconds()) < 5
    assert status.application.name == "Test App"
    assert (status.replies_count, status.reblogs_count, status.favourites_count) == (0, 0, 0)
    assert nobody.status(status).content == status.content
    assert nobody.status(status).uri == status.uri
    assert bob.api.account_statuses(alice.id)[0].id == status.id


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private", "direct"])
def test_a_visibility_is_kept_and_decides_who_may_read(meet: Meet, nobody: Mastodon, visibility: str) -> None:
    alice, bob, carol = meet("alice", "bob", "carol")
    bob.api.account_follow(alice.id)
    status = alice.api.status_post(f"for @{carol.name}", visibility=visibility)
    assert alice.api.status(status).visibility == visibility
    assert carol.api.status(status).id == status.id
    if visibility == "direct":
        with pytest.raises(MastodonNotFoundError):
            bob.api.status(status)
    else:
        assert bob.api.status(status).id == status.id
    if visibility in ("public", "unlisted"):
        assert nobody.status(status).id == status.id
    else:
        with pytest.raises(MastodonNotFoundError):
            nobody.status(status)


def test_a_key_that_repeats_gives_the_same_status(meet: Meet) -> None:
    (alice,) = meet("alice")
    first = alice.api.status_post("once", idempotency_key="key-1")
    assert alice.api.status_post("once", idempotency_key="key-1").id == first.id
    assert alice.api.status_post("twice", idempotency_key="key-2").id != first.id
    assert alice.api.me().statuses_count == 2


def test_a_thread_is_read_from_its_middle(meet: Meet) -> None:
    alice, bob, carol = meet("alice", "bob", "carol")
    root = alice.api.status_post("root")
    middle = bob.api.status_reply(root, "middle")
    assert (middle.in_reply_to_id, middle.in_reply_to_account_id) == (root.id, alice.id)
    assert f"@<span>{alice.name}</span>" in middle.content
    leaf = carol.api.status_post("leaf", in_reply_to_id=middle)
    context = alice.api.status_context(middle)
    assert [status.id for status in context.ancestors] == [root.id]
    assert [status.id for status in context.descendants] == [leaf.id]
    assert alice.api.status(root).replies_count == 1


def test_an_edit_has_a_source_and_a_history(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    status = alice.api.status_post("I like *tae*")
    source = alice.api.status_source(status)
    assert (source.text, source.spoiler_text) == ("I like *tae*", "")
    edited = alice.api.status_update(status, "I like *tea*", spoiler_text="drinks")
    assert edited.id == status.id
    assert edited.edited_at is not None
    assert edited.spoiler_text == "drinks"
    assert "I like *tea*" in bob.api.status(status).content
    history = bob.api.status_history(status)
    assert texts(history) == ["I like *tae*", "I like *tea*"]
    assert [entry.spoiler_text for entry in history] == ["", "drinks"]
    assert {entry.account.id for entry in history} == {alice.id}
    with pytest.raises(MastodonAPIError):
        bob.api.status_update(status, "mine now")
    assert "tea" in alice.api.status_source(status).text


def test_a_deleted_status_is_gone_and_its_text_is_given_back(meet: Meet, nobody: Mastodon) -> None:
    alice, bob = meet("alice", "bob")
    status = alice.api.status_post("I regret **this**")
    with pytest.raises(MastodonNotFoundError):
        bob.api.status_delete(status)
    assert alice.api.status_delete(status).text == "I regret **this**"
    for client in (alice.api, bob.api, nobody):
        with pytest.raises(MastodonNotFoundError):
            client.status(status)
    assert alice.api.account_statuses(alice.id) == []
    assert alice.api.me().statuses_count == 0


def test_favourites_are_counted_listed_and_taken_back(meet: Meet) -> None:
    alice, bob, carol = meet("alice", "bob", "carol")
    status = alice.api.status_post("like me")
    liked = bob.api.status_favourite(status)
    assert (liked.favourited, liked.favourites_count) == (True, 1)
    assert bob.api.status_favourite(status).favourites_count == 1
    carol.api.status_favourite(status)
    seen = alice.api.status(status)
    assert (seen.favourited, seen.favourites_count) == (False, 2)
    assert [account.id for account in alice.api.status_favourited_by(status)] == [carol.id, bob.id]
    assert [found.id for found in bob.api.favourites()] == [status.id]
    unliked = bob.api.status_unfavourite(status)
    assert (unliked.favourited, unliked.favourites_count) == (False, 1)
    assert bob.api.favourites() == []


def test_a_reblog_holds_the_original_and_goes_away_again(meet: Meet) -> None:
    alice, bob, carol = meet("alice", "bob", "carol")
    carol.api.account_follow(bob.id)
    status = alice.api.status_post("pass it on")
    reblog = bob.api.status_reblog(status)
    assert reblog.id != status.id
    assert (reblog.account.id, reblog.reblog.id) == (bob.id, status.id)
    assert (reblog.reblog.reblogged, reblog.reblog.reblogs_count) == (True, 1)
    assert bob.api.status_reblog(status).id == reblog.id
    assert [account.id for account in alice.api.status_reblogged_by(status)] == [bob.id]
    assert [found.id for found in carol.api.timeline_home()] == [reblog.id]
    assert carol.api.timeline_home()[0].reblog.account.id == alice.id
    undone = bob.api.status_unreblog(status)
    assert (undone.id, undone.reblogged, undone.reblogs_count) == (status.id, False, 0)
    assert carol.api.timeline_home() == []


def test_a_private_post_may_only_be_reblogged_by_its_author(meet: Meet) -> None:
    alice, bob, carol = meet("alice", "bob", "carol")
    bob.api.account_follow(alice.id)
    carol.api.account_follow(alice.id)
    status = alice.api.status_post("just us", visibility="private")
    with pytest.raises(MastodonAPIError):
        bob.api.status_reblog(status)
    own = alice.api.status_reblog(status, visibility="private")
    assert (own.visibility, own.reblog.id) == ("private", status.id)


def test_bookmarks_are_nobody_elses_business(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    status = alice.api.status_post("read me later")
    assert bob.api.status_bookmark(status).bookmarked is True
    assert [found.id for found in bob.api.bookmarks()] == [status.id]
    assert alice.api.status(status).bookmarked is False
    assert alice.api.bookmarks() == []
    assert alice.api.notifications() == []
    assert bob.api.status_unbookmark(status).bookmarked is False
    assert bob.api.bookmarks() == []


def test_pinned_posts_come_from_their_author_and_are_listed(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    status, other = alice.api.status_post("me in short"), alice.api.status_post("other")
    assert alice.api.status_pin(status).pinned is True
    assert [found.id for found in bob.api.account_statuses(alice.id, pinned=True)] == [status.id]
    assert [found.id for found in bob.api.account_statuses(alice.id)] == [other.id, status.id]
    with pytest.raises(MastodonAPIError):
        bob.api.status_pin(status)
    assert alice.api.status_unpin(status).pinned is False
    assert bob.api.account_statuses(alice.id, pinned=True) == []


def test_a_muted_conversation_tells_nothing_any_more(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    status = alice.api.status_post("discuss")
    assert alice.api.status_mute(status).muted is True
    bob.api.status_reply(status, "no")
    assert alice.api.notifications() == []
    assert alice.api.status_unmute(status).muted is False
    bob.api.status_reply(status, "yes")
    assert [found.type for found in alice.api.notifications()] == ["mention"]


def test_several_statuses_are_read_at_once(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    open_one = alice.api.status_post("open")
    closed = alice.api.status_post("closed", visibility="private")
    found = bob.api.statuses([open_one.id, closed.id, "1"])
    assert [status.id for status in found] == [open_one.id]


def test_a_status_that_is_too_long_or_empty_is_refused_with_a_reason(meet: Meet, nobody: Mastodon) -> None:
    (alice,) = meet("alice")
    with pytest.raises(MastodonAPIError, match="character limit of 500"):
        alice.api.status_post("x" * 501)
    with pytest.raises(MastodonAPIError, match="can't be blank"):
        alice.api.status_post("")
    with pytest.raises(MastodonUnauthorizedError):
        nobody.status_post("who am I")
