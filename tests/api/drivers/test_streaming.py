"""Mastodon.py listens: server-sent events and its websocket, with run_async as bots use it."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from mastodon import Mastodon, StreamListener

from tests.api.drivers.conftest import Meet
from tests.api.drivers.friends import Friend, eventually

QUIET_S = 0.3

# Mastodon.py raises in its own thread when the server ends a stream.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


class Ear(StreamListener):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: queue.Queue[tuple[str, Any]] = queue.Queue()

    def on_any_event(self, name: str, data: Any = None, for_stream: Any = None) -> None:
        self.heard.put((name, data))

    def next(self) -> tuple[str, Any]:
        return self.heard.get(timeout=5)

    def silent(self) -> bool:
        try:
            found = self.heard.get(timeout=QUIET_S)
        except queue.Empty:
            return True
        raise AssertionError(f"heard {found}")


@contextmanager
def listening(stream: Callable[..., Any], *args: object, **options: object) -> Iterator[Ear]:
    ear = Ear()
    handle = stream(*args, ear, run_async=True, **options)
    eventually(handle.is_receiving)
    yield ear
    # It waits until its reading thread wakes up, at the next heartbeat.
    threading.Thread(target=handle.close, daemon=True).start()


def test_a_user_hears_posts_notifications_edits_and_deletions(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    alice.api.account_follow(bob.id)
    with listening(alice.api.stream_user) as ear:
        status = bob.api.status_post("hello")
        name, heard = ear.next()
        assert (name, heard.id, heard.account.id) == ("update", status.id, bob.id)
        assert heard.content == status.content
        bob.api.status_update(status, "hello again")
        name, heard = ear.next()
        assert (name, heard.id, heard.content) == ("status.update", status.id, "<p>hello again</p>")
        bob.api.account_follow(alice.id)
        name, heard = ear.next()
        assert (name, heard.type, heard.account.id) == ("notification", "follow", bob.id)
        bob.api.status_delete(status)
        assert ear.next() == ("delete", status.id)
        alice.api.account_unfollow(bob.id)
        bob.api.status_post("not for alice")
        assert ear.silent()


def test_only_notifications_when_only_they_are_wanted(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    alice.api.account_follow(bob.id)
    with listening(alice.api.stream_user_notifications) as ear:
        bob.api.status_post("a post")
        mention = bob.api.status_post(f"@{alice.name}")
        name, heard = ear.next()
        assert (name, heard.type, heard.status.id) == ("notification", "mention", mention.id)
        assert ear.silent()


def test_public_streams_carry_public_posts(meet: Meet, nobody: Mastodon) -> None:
    alice, bob = meet("alice", "bob")
    with (
        listening(nobody.stream_public) as everybody,
        listening(bob.api.stream_public, local=True) as local,
        listening(nobody.stream_hashtag, "live") as tagged,
    ):
        for visibility in ("unlisted", "private", "direct"):
            alice.api.status_post(f"{visibility} #live @{bob.name}", visibility=visibility)
        plain = alice.api.status_post("plain")
        live = alice.api.status_post("it is #Live")
        for ear in (everybody, local):
            assert [ear.next()[1].id for _ in range(2)] == [plain.id, live.id]
        assert tagged.next()[1].id == live.id
        alice.api.status_delete(live)
        for ear in (everybody, local, tagged):
            assert ear.next() == ("delete", live.id)
            assert ear.silent()


def test_a_list_streams_its_members(meet: Meet) -> None:
    alice, bob, carol = meet("alice", "bob", "carol")
    made = alice.api.list_create("close")
    for friend in (bob, carol):
        alice.api.account_follow(friend.id)
    alice.api.list_accounts_add(made, [bob.id])
    with listening(alice.api.stream_list, made.id) as ear:
        carol.api.status_post("carol's")
        status = bob.api.status_post("bob's")
        assert ear.next()[1].id == status.id
        assert ear.silent()


def test_direct_posts_stream_as_conversations(meet: Meet) -> None:
    alice, bob, carol = meet("alice", "bob", "carol")
    with listening(bob.api.stream_direct) as ear, listening(carol.api.stream_direct) as other:
        status = alice.api.status_post(f"@{bob.name} psst", visibility="direct")
        name, heard = ear.next()
        assert (name, heard.unread, heard.last_status.id) == ("conversation", True, status.id)
        assert [account.id for account in heard.accounts] == [alice.id]
        assert other.silent()


def test_one_websocket_carries_several_streams(meet: Meet) -> None:
    alice, bob = meet("alice", "bob")
    alice.api.account_follow(bob.id)
    ears = {name: Ear() for name in ("user", "public", "hashtag")}
    handle = alice.api.stream_open_websocket()
    try:
        alice.api.stream_user(ears["user"], websocket_handle=handle)
        alice.api.stream_public(ears["public"], websocket_handle=handle)
        tagged = alice.api.stream_hashtag("ws", ears["hashtag"], websocket_handle=handle)
        probe(bob, ears["hashtag"])
        for ear in ears.values():
            drain(ear)
        status = bob.api.status_post("over a #ws")
        for ear in ears.values():
            name, heard = ear.next()
            assert (name, heard.id) == ("update", status.id)
        tagged.close()
        other = bob.api.status_post("still a #ws")
        assert ears["user"].next()[1].id == ears["public"].next()[1].id == other.id
        assert ears["hashtag"].silent()
    finally:
        handle.close()


def test_a_token_that_ended_ends_the_stream_and_a_bad_one_opens_none(meet: Meet) -> None:
    (alice,) = meet("alice")
    stranger = Mastodon(
        access_token="nonsense", api_base_url=alice.api.api_base_url, mastodon_version="4.5.0"
    )
    with pytest.raises(Exception, match="Unauthorized"):
        stranger.stream_user(Ear())
    assert alice.api.stream_healthy() is True


def probe(who: Friend, ear: Ear) -> None:
    """Post until the last subscription is heard: Mastodon.py does not wait for them."""

    def heard() -> bool:
        who.api.status_post("is this #ws on")
        try:
            ear.heard.get(timeout=0.1)
        except queue.Empty:
            return False
        return True

    eventually(heard)


def drain(ear: Ear) -> None:
    try:
        while True:
            ear.heard.get(timeout=QUIET_S)
    except queue.Empty:
        pass
