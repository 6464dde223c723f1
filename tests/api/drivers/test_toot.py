"""toot, the command-line client, against a live server."""

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.conftest import LiveServer
from tests.api.drivers.friends import picture
from tests.api.drivers.pages import authorize, code_shown
from tests.api.drivers.shell import Shell, contents, environment, sign_in

TOOT = Path(sys.executable).with_name("toot")
_numbers = itertools.count(1)

Open = Callable[..., list[Shell]]


@pytest.fixture
def open_shells(live_server: LiveServer, tmp_path: Path) -> Open:
    """`open_shells("alice", "bob")`: signed-in terminals of new people."""

    def open_shells(*names: str) -> list[Shell]:
        made = []
        for name in names:
            person = live_server.run(live_server.world.person(f"{name}{next(_numbers)}"))
            made.append(sign_in(person, url=live_server.url, home=tmp_path / person.username))
        return made

    return open_shells


def test_a_person_logs_in_through_the_browser(live_server: LiveServer, tmp_path: Path) -> None:
    person = live_server.run(live_server.world.person("walker"))
    environ = environment(tmp_path)
    command = [TOOT, "login", "--instance", live_server.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=environ, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
    ) as toot:
        assert toot.stdin is not None
        assert toot.stdout is not None
        url = next(line.strip() for line in toot.stdout if line.startswith(live_server.url))
        code = code_shown(authorize(url, username=person.username, password=person.password))
        toot.stdin.write(f"n\n{code}\n")
        toot.stdin.close()
        assert "Successfully logged in" in toot.stdout.read()
        assert toot.wait(10) == 0
    whoami = subprocess.run([TOOT, "whoami"], env=environ, capture_output=True, text=True, check=True)
    assert f"@{person.username}" in whoami.stdout
    assert f"ID: {person.id}" in whoami.stdout
    shell = Shell(person, tmp_path)
    assert f"{person.username}@{live_server.url.removeprefix('http://')} ACTIVE" in shell.run("auth")
    assert shell.post("from a terminal")["application"]["name"] == "toot - a Mastodon CLI client"


def test_a_password_alone_logs_nobody_in(live_server: LiveServer, open_shells: Open) -> None:
    (alice,) = open_shells("alice")
    email = f"{alice.person.username}@example.org"
    words = ("login_cli", "-i", live_server.url, "-e", email, "-p", alice.person.password)
    assert "Login failed" in alice.run(*words, fails=True)


def test_a_post_has_its_options(open_shells: Open, tmp_path: Path) -> None:
    alice, bob = open_shells("alice", "bob")
    (tmp_path / "field.png").write_bytes(picture().getvalue())
    status = alice.post(
        "look at this",
        "--media",
        str(tmp_path / "field.png"),
        "--description",
        "a field",
        "--visibility",
        "unlisted",
        "--spoiler-text",
        "landscape",
        "--sensitive",
        "--language",
        "de",
    )
    assert (status["visibility"], status["spoiler_text"], status["sensitive"], status["language"]) == (
        "unlisted",
        "landscape",
        True,
        "de",
    )
    assert [media["description"] for media in status["media_attachments"]] == ["a field"]
    assert f"Toot posted: {status['url'].rsplit('/', 1)[0]}" in alice.run("post", "plain")
    shown = bob.run("status", status["id"])
    assert "look at this" in shown
    assert status["media_attachments"][0]["url"] in shown
    reply = bob.post("lovely", "--reply-to", status["id"])
    assert reply["in_reply_to_id"] == status["id"]
    assert bob.post("more", "--reply-last")["in_reply_to_id"] == reply["id"]
    thread = alice.run("thread", reply["id"])
    assert thread.index("look at this") < thread.index("lovely") < thread.index("more")
    assert "character limit" in alice.run("post", "x" * 501, fails=True)


def test_timelines_are_shown(live_server: LiveServer, open_shells: Open) -> None:
    alice, bob = open_shells("alice", "bob")
    bob.run("follow", alice.person.username)
    alice.post("a #toottag for all")
    alice.post("for followers only", "--visibility", "private")
    assert contents(bob.json("timelines", "home"))[0] == "for followers only"
    assert "for followers only" in bob.run("timelines", "home", "--no-pager")
    assert "for followers only" in bob.run("timeline", "--once")
    public = bob.run("timelines", "public", "--no-pager")
    assert "for all" in public
    assert "for followers only" not in public
    assert "for all" in bob.run("timelines", "tag", "toottag", "--no-pager")
    assert "for all" in alice.run("timelines", "tag", "toottag", "-i", live_server.url, "--no-pager")
    assert len(bob.json("timelines", "account", alice.person.username)) == 2
    for number in range(5):
        alice.post(f"number {number}")
    paged = bob.run("timelines", "home", "--limit", "2", "--pager")
    assert all(f"number {number}" in paged for number in range(5))


def test_statuses_are_liked_shared_kept_pinned_and_deleted(open_shells: Open) -> None:
    alice, bob = open_shells("alice", "bob")
    status = alice.post("react to me")
    id_ = status["id"]
    assert "favourited" in bob.run("favourite", id_)
    assert bob.json("status", id_)["favourited"] is True
    assert "react to me" in bob.run("timelines", "favourites", "--no-pager")
    bob.run("unfavourite", id_)
    assert bob.json("status", id_)["favourited"] is False
    assert bob.json("reblog", status["url"])["reblog"]["id"] == id_
    assert bob.person.username in alice.run("reblogged_by", id_)
    undone = bob.json("unreblog", id_)
    assert (undone["id"], undone["reblogged"]) == (id_, False)
    bob.run("bookmark", id_)
    assert "react to me" in bob.run("bookmarks", "--once")
    bob.run("unbookmark", id_)
    assert "react to me" not in bob.run("bookmarks", "--once")
    assert alice.json("pin", id_)["pinned"] is True
    assert alice.json("unpin", id_)["pinned"] is False
    assert "Record not found" in bob.run("delete", id_, fails=True)
    alice.run("delete", id_)
    assert "Record not found" in bob.run("status", id_, fails=True)


def test_people_are_followed_muted_and_blocked(open_shells: Open) -> None:
    alice, bob = open_shells("alice", "bob")
    name = bob.person.username
    assert f"You are now following {name}" in alice.run("follow", name)
    assert f"@{name}" in alice.run("following")
    assert f"@{alice.person.username}" in bob.run("followers")
    assert f"@{alice.person.username}" in alice.run("followers", name)
    alice.run("unfollow", name)
    assert f"@{name}" not in alice.run("following")
    alice.run("mute", name)
    assert f"@{name}" in alice.run("muted")
    alice.run("unmute", f"@{name}")
    assert "No accounts muted" in alice.run("muted")
    alice.run("block", name)
    assert f"@{name}" in alice.run("blocked")
    alice.run("unblock", name)  # found by search, although it is blocked
    assert "No accounts blocked" in alice.run("blocked")
    assert "Account not found" in alice.run("follow", "nobody_at_all", fails=True)


def test_follow_requests_are_answered(open_shells: Open) -> None:
    alice, bob, carol = open_shells("alice", "bob", "carol")
    assert "Account updated" in alice.run("update-account", "--locked")
    for friend in (bob, carol):
        assert friend.json("follow", alice.person.username)["requested"] is True
    assert f"@{bob.person.username}" in alice.run("follow-requests", "list")
    alice.run("follow-requests", "accept", bob.person.username)
    alice.run("follow-requests", "reject", carol.person.username)
    assert alice.run("follow-requests", "list") == ""
    assert [found["id"] for found in alice.json("followers")] == [bob.person.id]


def test_a_profile_is_changed_and_shown(open_shells: Open, tmp_path: Path) -> None:
    alice, bob = open_shells("alice", "bob")
    (tmp_path / "face.png").write_bytes(picture(400, 400).getvalue())
    options = ("--display-name", "Alice A.", "--note", "I drink #tea", "--avatar", str(tmp_path / "face.png"))
    changed = alice.json(
        "update_account", *options, "--bot", "--privacy", "private", "--sensitive", "--language", "fr"
    )
    assert (changed["display_name"], changed["bot"]) == ("Alice A.", True)
    assert changed["source"]["privacy"] == "private"
    assert "missing" not in changed["avatar"]
    shown = bob.run("whois", alice.person.username)
    assert f"@{alice.person.username} Alice A." in shown
    assert "I drink #tea" in shown
    assert alice.post("as set")["visibility"] == "private"


def test_search_finds_people_tags_and_addresses(open_shells: Open) -> None:
    alice, bob = open_shells("alice", "bob")
    status = alice.post("somewhere #tootable")
    assert f"@{alice.person.username}" in bob.run("search", alice.person.username)
    assert "#tootable" in bob.run("search", "tootable", "--type", "hashtags")
    found = bob.json("search", status["url"], "--resolve")
    assert [one["id"] for one in found["statuses"]] == [status["id"]]
    assert "#tootable" in bob.run("tags", "info", "tootable")
    assert "Not followed" in bob.run("tags", "info", "tootable")


def test_notifications_are_shown_filtered_and_cleared(open_shells: Open) -> None:
    alice, bob = open_shells("alice", "bob")
    status = alice.post("hello")
    bob.run("follow", alice.person.username)
    bob.run("favourite", status["id"])
    bob.post(f"@{alice.person.username} hi")
    shown = alice.run("notifications")
    assert f"@{bob.person.username} now follows you" in shown
    assert "favourited your status" in shown
    assert "mentioned you" in shown
    assert [one["type"] for one in alice.json("notifications", "--type", "favourite")] == ["favourite"]
    left = alice.json("notifications", "--exclude-type", "favourite")
    assert [one["type"] for one in left] == ["mention", "follow"]
    assert "cleared" in alice.run("notifications", "--clear")
    assert "You have no notifications" in alice.run("notifications")


def test_lists_are_made_filled_read_and_deleted(open_shells: Open) -> None:
    alice, bob = open_shells("alice", "bob")
    name = bob.person.username
    assert "created" in alice.run("lists", "create", "Close friends")
    assert "must follow" in alice.run("lists", "add", "Close friends", name, fails=True)
    alice.run("follow", name)
    assert "Added account" in alice.run("lists", "add", "Close friends", name)
    assert f"@{name}" in alice.run("lists", "accounts", "Close friends")
    bob.post("for the list")
    assert "for the list" in alice.run("timelines", "list", "Close friends", "--no-pager")
    assert "Close friends" in alice.run("lists", "list")
    alice.run("lists", "remove", "Close friends", name)
    assert "This list has no accounts" in alice.run("lists", "accounts", "Close friends")
    alice.run("lists", "delete", "Close friends")
    assert "You have no lists" in alice.run("lists", "list")


def test_the_server_is_described(live_server: LiveServer, open_shells: Open) -> None:
    (alice,) = open_shells("alice")
    shown = alice.run("instance")
    assert "Social Flow" in shown
    assert live_server.url.removeprefix("http://") in shown
    assert alice.run("instance", live_server.url) == shown
