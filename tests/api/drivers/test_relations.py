"""Mastodon.py follows, asks to follow, blocks and mutes."""

import time

import pytest
from mastodon import Mastodon, MastodonAPIError, MastodonNotFoundError

from tests.api.drivers.conftest import Meet
from tests.api.drivers.friends import Friend, eventually


def relation(who: Friend, whom: Friend) -> object:
    return who.api.account_relationships(whom.id)[0]


def test_a_follow_shows_on_both_sides_and_in_the_home_timeline(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    before = bob.api.status_post("before")
    made = alice.api.account_follow(bob.id, reblogs=False, notify=True)
    assert (made.following, made.requested, made.showing_reblogs, made.notifying) == (
        True,
        False,
        False,
        True,
    )
    assert relation(bob, alice).followed_by is True
    assert (alice.api.me().following_count, bob.api.me().followers_count) == (1, 1)
    after = bob.api.status_post("after")
    assert [status.id for status in alice.api.timeline_home()] == [after.id, before.id]
    gone = alice.api.account_unfollow(bob.id)
    assert (gone.following, relation(bob, alice).followed_by) == (False, False)
    assert alice.api.timeline_home() == []
    assert (alice.api.me().following_count, bob.api.me().followers_count) == (0, 0)


def test_a_follow_without_reblogs_shows_none(meet: Meet) -> None:
    alice, bob, carol = meet("alice", "bob", "carol")
    alice.api.account_follow(bob.id, reblogs=False)
    bob.api.status_reblog(carol.api.status_post("carol's"))
    own = bob.api.status_post("bob's")
    assert [status.id for status in alice.api.timeline_home()] == [own.id]


def test_a_locked_account_decides_who_follows(meet: Meet) -> None:
    bob, carol = meet("bob", "carol")
    (alice,) = meet("alice", locked=True)
    for friend in (bob, carol):
        asked = friend.api.account_follow(alice.id)
        assert (asked.following, asked.requested) == (False, True)
    assert {found.id for found in alice.api.follow_requests()} == {bob.id, carol.id}
    assert alice.api.me().source.follow_requests_count == 2
    assert alice.api.follow_request_authorize(bob.id).followed_by is True
    assert alice.api.follow_request_reject(carol.id).followed_by is False
    assert alice.api.follow_requests() == []
    assert (relation(bob, alice).following, relation(bob, alice).requested) == (True, False)
    assert (relation(carol, alice).following, relation(carol, alice).requested) == (False, False)
    status = alice.api.status_post("for the chosen", visibility="private")
    assert bob.api.status(status).id == status.id
    with pytest.raises(MastodonNotFoundError):
        carol.api.status(status)


def test_a_request_is_taken_back(meet: Meet) -> None:
    (bob,) = meet("bob")
    (alice,) = meet("alice", locked=True)
    bob.api.account_follow(alice.id)
    assert bob.api.account_unfollow(alice.id).requested is False
    assert alice.api.follow_requests() == []


def test_a_block_ends_follows_and_hides_both_ways(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    alice.api.account_follow(bob.id)
    bob.api.account_follow(alice.id)
    status = alice.api.status_post("hello")
    blocked = alice.api.account_block(bob.id)
    assert (blocked.blocking, blocked.following, blocked.followed_by) == (True, False, False)
    assert relation(bob, alice).blocked_by is True
    assert [found.id for found in alice.api.blocks()] == [bob.id]
    assert bob.api.timeline_home() == []
    with pytest.raises(MastodonAPIError):
        bob.api.account_follow(alice.id)
    with pytest.raises(MastodonNotFoundError):
        bob.api.status_favourite(status)
    assert alice.api.account_unblock(bob.id).blocking is False
    assert alice.api.blocks() == []
    assert bob.api.account_follow(alice.id).following is True


def test_a_mute_hides_until_it_ends(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    alice.api.account_follow(bob.id)
    noise = bob.api.status_post(f"noise for @{alice.name}")
    muted = alice.api.account_mute(bob.id, notifications=True, duration=2)
    assert (muted.muting, muted.muting_notifications, muted.following) == (True, True, True)
    listed = alice.api.mutes()
    assert [found.id for found in listed] == [bob.id]
    assert listed[0].mute_expires_at is not None
    assert alice.api.timeline_home() == []
    bob.api.status_post(f"more for @{alice.name}")
    assert alice.api.notifications() == []
    time.sleep(1.5)
    assert eventually(lambda: not relation(alice, bob).muting)
    assert eventually(lambda: noise.id in [status.id for status in alice.api.timeline_home()])
    assert alice.api.mutes() == []


def test_a_mute_of_posts_only_lets_notifications_through(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    alice.api.account_follow(bob.id)
    muted = alice.api.account_mute(bob.id, notifications=False)
    assert (muted.muting, muted.muting_notifications) == (True, False)
    bob.api.status_post(f"psst @{alice.name}")
    assert alice.api.timeline_home() == []
    assert [found.type for found in alice.api.notifications()] == ["mention"]
    assert alice.api.account_unmute(bob.id).muting is False
    assert len(alice.api.timeline_home()) == 1


def test_followers_and_followed_are_paged_both_ways(meet: Meet, nobody: Mastodon) -> None:
    (alice, *fans) = meet("alice", *["fan"] * 5)
    for fan in fans:
        fan.api.account_follow(alice.id)
        alice.api.account_follow(fan.id)
    newest_first = [fan.id for fan in fans][::-1]
    first = nobody.account_followers(alice.id, limit=2)
    assert [found.id for found in first] == newest_first[:2]
    second = nobody.fetch_next(first)
    assert [found.id for found in second] == newest_first[2:4]
    assert [found.id for found in nobody.fetch_previous(second)] == newest_first[:2]
    assert [found.id for found in nobody.fetch_remaining(first)] == newest_first
    followed = alice.api.account_following(alice.id, limit=2)
    assert [found.id for found in alice.api.fetch_remaining(followed)] == newest_first
    assert alice.api.account_following(fans[0].id)[0].id == alice.id


def test_a_follower_is_removed_and_may_come_back(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    bob.api.account_follow(alice.id)
    assert alice.api.account_remove_from_followers(bob.id).followed_by is False
    assert relation(bob, alice).following is False
    assert bob.api.account_follow(alice.id).following is True


def test_relations_with_several_people_are_asked_at_once(meet: Meet) -> None:
    alice, bob, carol = meet("alice", "bob", "carol")
    alice.api.account_follow(bob.id)
    alice.api.account_block(carol.id)
    found = {one.id: one for one in alice.api.account_relationships([bob.id, carol.id, alice.id])}
    assert (found[bob.id].following, found[bob.id].blocking) == (True, False)
    assert (found[carol.id].following, found[carol.id].blocking) == (False, True)
    assert found[alice.id].following is False


def test_nobody_follows_or_blocks_themselves(meet: Meet) -> None:
    (alice,) = meet("alice")
    for action in (alice.api.account_follow, alice.api.account_block, alice.api.account_mute):
        with pytest.raises(MastodonAPIError):
            action(alice.id)
    assert alice.api.me().following_count == 0


def test_shared_followers_are_found(meet: Meet) -> None:
    alice, bob, carol = meet("alice", "bob", "carol")
    alice.api.account_follow(bob.id)
    bob.api.account_follow(carol.id)
    found = alice.api.account_familiar_followers([carol.id])
    assert found[0].id == carol.id
    assert [account.id for account in found[0].accounts] == [bob.id]
