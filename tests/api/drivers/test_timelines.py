"""Mastodon.py reads timelines, and pages through them without losing or repeating anything."""

import pytest
from mastodon import Mastodon, MastodonNotFoundError

from tests.api.drivers.conftest import Meet
from tests.api.drivers.friends import Friend, picture, texts


def post_all(who: Friend, count: int, **details: str) -> list[str]:
    return [who.api.status_post(str(number), **details).id for number in range(count)]


def test_home_pages_in_every_direction(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    alice.api.account_follow(bob.id)
    ids = post_all(bob, 7)
    home = alice.api.timeline_home
    assert texts(home(limit=3)) == ["6", "5", "4"]
    assert texts(home(limit=3, max_id=ids[4])) == ["3", "2", "1"]
    assert texts(home(limit=3, since_id=ids[1])) == ["6", "5", "4"]
    assert texts(home(limit=3, min_id=ids[1])) == ["4", "3", "2"]
    assert texts(home(max_id=ids[5], since_id=ids[2])) == ["4", "3"]
    assert home(max_id=ids[0]) == []
    first = home(limit=2)
    second = alice.api.fetch_next(first)
    assert texts(second) == ["4", "3"]
    assert texts(alice.api.fetch_previous(second)) == ["6", "5"]
    assert [status.id for status in alice.api.fetch_remaining(first)] == ids[::-1]
    later = bob.api.status_post("later")
    assert [status.id for status in alice.api.fetch_previous(first)] == [later.id]


def test_home_has_own_posts_and_replies_among_friends_only(meet: Meet) -> None:
    alice, bob, carol, dave = meet("alice", "bob", "carol", "dave")
    for friend in (bob, carol):
        alice.api.account_follow(friend.id)
    own = alice.api.status_post("own")
    strange = dave.api.status_post("dave's")
    among = carol.api.status_reply(bob.api.status_post("bob's"), "among friends")
    bob.api.status_reply(strange, "to a stranger")
    thread = bob.api.status_post("more", in_reply_to_id=among)
    ids = [status.id for status in alice.api.timeline_home()]
    assert ids[:2] == [thread.id, among.id]
    assert own.id in ids
    assert len(ids) == 4


def test_public_has_public_posts_of_all_and_no_replies_or_reblogs(meet: Meet, nobody: Mastodon) -> None:
    alice, bob = meet("alice", "bob")
    start = alice.api.status_post("start")
    for visibility in ("unlisted", "private", "direct"):
        alice.api.status_post(f"{visibility} @{bob.name}", visibility=visibility)
    bob.api.status_post("an answer", in_reply_to_id=start)
    bob.api.status_reblog(start)
    plain = bob.api.status_post("plain")
    shown = bob.api.status_post("shown", media_ids=[bob.api.media_post(picture(), mime_type="image/png")])
    for timeline in (nobody.timeline_public, nobody.timeline_local, alice.api.timeline_public):
        assert [status.id for status in timeline(min_id=start)] == [shown.id, plain.id]
    assert [status.id for status in nobody.timeline_public(min_id=start, only_media=True)] == [shown.id]
    assert nobody.timeline_public(min_id=start, remote=True) == []


def test_public_pages_follow_one_another(meet: Meet, nobody: Mastodon) -> None:
    (alice,) = meet("alice")
    ids = post_all(alice, 5)
    first = nobody.timeline_public(limit=2)
    second = nobody.fetch_next(first)
    assert [status.id for status in first + second] == ids[:0:-1]
    assert [status.id for status in nobody.fetch_previous(second)] == ids[:2:-1]


def test_a_hashtag_has_its_posts_whatever_their_case(meet: Meet, nobody: Mastodon) -> None:
    (alice,) = meet("alice")
    first = alice.api.status_post("a #CamelCase tag")
    second = alice.api.status_post("a #camelcase tag and #second")
    alice.api.status_post("a #camelcase secret", visibility="private")
    assert [status.id for status in nobody.timeline_hashtag("camelcase")] == [second.id, first.id]
    assert [status.id for status in nobody.timeline_hashtag("CAMELCASE", max_id=second)] == [first.id]
    assert [status.id for status in nobody.timeline_hashtag("camelcase", local=True, limit=1)] == [second.id]
    assert nobody.timeline_hashtag("unheard_of") == []
    assert alice.api.tag("camelcase").name.lower() == "camelcase"


def test_a_list_has_the_posts_of_its_members(meet: Meet) -> None:
    alice, bob, carol = meet("alice", "bob", "carol")
    for friend in (bob, carol):
        alice.api.account_follow(friend.id)
    made = alice.api.list_create("close", replies_policy="none", exclusive=False)
    assert (made.title, made.replies_policy) == ("close", "none")
    alice.api.list_accounts_add(made, [bob.id])
    assert [found.id for found in alice.api.list_accounts(made)] == [bob.id]
    assert [found.id for found in alice.api.account_lists(bob.id)] == [made.id]
    in_list = bob.api.status_post("bob's")
    carol.api.status_post("carol's")
    assert [status.id for status in alice.api.timeline_list(made)] == [in_list.id]
    with pytest.raises(MastodonNotFoundError):
        bob.api.timeline_list(made)
    assert alice.api.list_update(made, "closer").title == "closer"
    assert [found.title for found in alice.api.lists()] == ["closer"]
    alice.api.list_accounts_delete(made, [bob.id])
    assert alice.api.timeline_list(made) == []
    alice.api.list_delete(made)
    with pytest.raises(MastodonNotFoundError):
        alice.api.list(made)


def test_reading_positions_are_kept_on_the_server(meet: Meet) -> None:
    (alice,) = meet("alice")
    status = alice.api.status_post("here")
    assert alice.api.markers_get(["home", "notifications"]) == {}
    alice.api.markers_set("home", status)
    marker = alice.api.markers_get(["home", "notifications"])["home"]
    assert marker.last_read_id == status.id
    assert alice.api.markers_set(["home"], [status])["home"].version == marker.version + 1


def test_conversations_hold_direct_posts_with_who_takes_part(meet: Meet) -> None:
    alice, bob, carol = meet("alice", "bob", "carol")
    first = alice.api.status_post(f"@{bob.name} psst", visibility="direct")
    (conversation,) = bob.api.conversations()
    assert conversation.unread is True
    assert [account.id for account in conversation.accounts] == [alice.id]
    assert conversation.last_status.id == first.id
    answer = bob.api.status_reply(first, "what", visibility="direct")
    (same,) = alice.api.conversations()
    assert same.last_status.id == answer.id
    assert alice.api.conversations_read(same).unread is False
    assert carol.api.conversations() == []
