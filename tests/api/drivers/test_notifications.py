"""Mastodon.py hears what others do, filters it and puts it away."""

import pytest
from mastodon import MastodonNotFoundError

from tests.api.drivers.conftest import Meet
from tests.api.drivers.friends import Friend


def types(who: Friend, **filters: object) -> list[str]:
    return [found.type for found in who.api.notifications(**filters)]


def test_everything_that_others_do_is_told_newest_first(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    alice.api.account_follow(bob.id, notify=True)
    status = alice.api.status_post("hello")
    bob.api.account_follow(alice.id)
    mention = bob.api.status_reply(status, "hi", visibility="direct")
    bob.api.status_favourite(status)
    bob.api.status_reblog(status)
    news = bob.api.status_post("news")
    alice.api.status_reblog(news)
    bob.api.status_update(news, "better news")
    found = alice.api.notifications()
    assert [one.type for one in found] == ["update", "status", "reblog", "favourite", "mention", "follow"]
    assert {one.account.id for one in found} == {bob.id}
    by_type = {one.type: one for one in found}
    assert by_type["mention"].status.id == mention.id
    assert by_type["favourite"].status.id == by_type["reblog"].status.id == status.id
    assert by_type["status"].status.id == by_type["update"].status.id == news.id
    assert by_type["follow"].status is None
    assert [found.id for found in alice.api.notifications(id=by_type["mention"].id).status.mentions] == [
        alice.id
    ]
    assert types(bob) == ["reblog", "follow"]


def test_a_request_to_a_locked_account_is_told(meet: Meet) -> None:
    (bob,) = meet("bob")
    (alice,) = meet("alice", locked=True)
    bob.api.account_follow(alice.id)
    (asked,) = alice.api.notifications()
    assert (asked.type, asked.account.id) == ("follow_request", bob.id)
    alice.api.follow_request_authorize(bob.id)
    assert types(alice) in (["follow"], ["follow", "follow_request"])


def test_notifications_are_filtered_by_type_and_by_whom(meet: Meet) -> None:
    alice, bob, carol = meet("alice", "bob", "carol")
    status = alice.api.status_post("hello")
    bob.api.status_favourite(status)
    carol.api.status_reblog(status)
    bob.api.status_reply(status, "hi")
    assert types(alice) == ["mention", "reblog", "favourite"]
    assert types(alice, types=["favourite", "reblog"]) == ["reblog", "favourite"]
    assert types(alice, exclude_types=["reblog"]) == ["mention", "favourite"]
    assert types(alice, mentions_only=True) == ["mention"]
    assert types(alice, account_id=carol.id) == ["reblog"]


def test_notifications_are_paged(meet: Meet) -> None:
    alice, *fans = meet("alice", *["fan"] * 5)
    for fan in fans:
        fan.api.account_follow(alice.id)
    first = alice.api.notifications(limit=2)
    assert [found.account.id for found in first] == [fans[4].id, fans[3].id]
    assert [found.account.id for found in alice.api.fetch_remaining(first)] == [fan.id for fan in fans][::-1]
    second = alice.api.fetch_next(first)
    assert [found.id for found in alice.api.fetch_previous(second)] == [found.id for found in first]
    assert types(alice, min_id=first[0]) == []
    assert alice.api.notifications_unread_count().count == 5
    alice.api.markers_set("notifications", first[1])
    assert alice.api.notifications_unread_count().count == 1


def test_notifications_are_dismissed_one_by_one_and_all_at_once(meet: Meet) -> None:
    alice, bob, carol = meet("alice", "bob", "carol")
    for friend in (bob, carol):
        friend.api.account_follow(alice.id)
    newest, oldest = alice.api.notifications()
    with pytest.raises(MastodonNotFoundError):
        bob.api.notifications_dismiss(newest)
    alice.api.notifications_dismiss(newest)
    assert [found.id for found in alice.api.notifications()] == [oldest.id]
    alice.api.notifications_clear()
    assert alice.api.notifications() == []


def test_what_is_taken_back_is_not_told_any_more(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    status = alice.api.status_post("hello")
    bob.api.status_favourite(status)
    bob.api.status_reblog(status)
    answer = bob.api.status_reply(status, "hi")
    bob.api.status_unfavourite(status)
    bob.api.status_unreblog(status)
    bob.api.status_delete(answer)
    assert types(alice) == []


def test_nobody_hears_of_what_they_do_themselves(meet: Meet) -> None:
    (alice,) = meet("alice")
    status = alice.api.status_post(f"I am @{alice.name}")
    alice.api.status_favourite(status)
    alice.api.status_reblog(status)
    assert types(alice) == []
