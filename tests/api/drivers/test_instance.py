"""Mastodon.py learns what the server is."""

import warnings

from mastodon import Mastodon

from tests.api.conftest import LiveServer
from tests.api.drivers.conftest import Meet


def test_the_version_is_understood_as_a_mastodon(live_server: LiveServer) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client = Mastodon(api_base_url=live_server.url, version_check_mode="created")
        assert client.retrieve_mastodon_version() == "4.5.0"
    assert client.verify_minimum_version("4.5.0", cached=True)
    assert client.mastodon_api_version > 0


def test_both_instance_documents_say_the_same(live_server: LiveServer, nobody: Mastodon) -> None:
    new, old = nobody.instance_v2(), nobody.instance_v1()
    assert "Social Flow" in new.version
    assert new.domain == old.uri
    assert new.configuration.urls.streaming == old.urls.streaming_api
    assert new.configuration.urls.streaming.startswith("ws://127.0.0.1:")
    assert new.configuration.statuses.max_characters == old.configuration.statuses.max_characters == 500
    assert new.configuration.statuses.max_media_attachments == 4
    assert "image/png" in new.configuration.media_attachments.supported_mime_types
    assert new.registrations.enabled is True
    assert nobody.instance_health() is True


def test_the_counts_of_nodeinfo_grow(meet: Meet, nobody: Mastodon) -> None:
    before = nobody.instance_nodeinfo()
    assert before.protocols is not None
    assert before.openRegistrations is True
    (alice,) = meet("alice")
    alice.api.status_post("counted")
    after = nobody.instance_nodeinfo("http://nodeinfo.diaspora.software/ns/schema/2.1")
    assert after.software.name == before.software.name
    assert after.usage.users.total >= before.usage.users.total


def test_what_is_empty_here_is_an_empty_list(meet: Meet, nobody: Mastodon) -> None:
    (alice,) = meet("alice")
    for empty in (nobody.custom_emojis, nobody.instance_peers, nobody.instance_rules, nobody.trending_tags):
        assert empty() == []
    for own in (alice.api.announcements, alice.api.filters_v2, alice.api.followed_tags):
        assert own() == []
    assert len(nobody.instance_activity()) == 12


def test_preferences_are_those_of_a_new_account(meet: Meet) -> None:
    (alice,) = meet("alice")
    preferences = alice.api.preferences()
    assert preferences["posting:default:visibility"] == "public"
    assert preferences["posting:default:sensitive"] is False
    assert preferences["reading:expand:media"] == "default"
    assert preferences["reading:expand:spoilers"] is False
