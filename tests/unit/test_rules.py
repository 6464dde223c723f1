"""Who may see what: the whole matrix, and what a viewer asked not to meet."""

import itertools

import pytest

from api import rules
from api.cards import Card
from api.viewers import Follow, Viewer
from tests.reading import make_card

AUTHOR, VIEWER, OTHER = 1, 2, 3
VISIBILITIES = ("public", "unlisted", "private", "direct")


def viewer(account_id: int = VIEWER, **relations: frozenset[int]) -> Viewer:
    follows = {target: Follow() for target in relations.pop("following", ())}
    return Viewer(account_id, follows=follows, **relations)


def expected(visibility: str, *, follows: bool, mentioned: bool, blocked: bool, suspended: bool) -> bool:
    if suspended or blocked:
        return False
    if visibility in ("public", "unlisted") or mentioned:
        return True
    return visibility == "private" and follows


@pytest.mark.parametrize("visibility", VISIBILITIES)
def test_the_privacy_matrix(visibility: str) -> None:
    for follows, mentioned, blocked, suspended in itertools.product((False, True), repeat=4):
        card = make_card(
            account_id=AUTHOR,
            visibility=visibility,
            mentions=[VIEWER] if mentioned else [OTHER],
            suspended=suspended,
        )
        eyes = viewer(
            following=frozenset([AUTHOR] if follows else []),
            blocked_by=frozenset([AUTHOR] if blocked else []),
        )
        assert rules.may_see(card, eyes) == expected(
            visibility, follows=follows, mentioned=mentioned, blocked=blocked, suspended=suspended
        )


@pytest.mark.parametrize("visibility", VISIBILITIES)
def test_a_reblog_is_seen_only_where_both_parts_are(visibility: str) -> None:
    inner = make_card(account_id=OTHER, visibility=visibility)
    wrapper = make_card(account_id=AUTHOR, inner=inner)
    assert rules.may_see(wrapper, viewer(following=frozenset([AUTHOR]))) == (
        visibility in ("public", "unlisted")
    )
    private = make_card(account_id=AUTHOR, inner=make_card(account_id=OTHER), visibility="private")
    assert not rules.may_see(private, viewer())


def test_authors_see_their_own_and_strangers_only_what_is_open() -> None:
    for visibility in VISIBILITIES:
        card = make_card(account_id=AUTHOR, visibility=visibility)
        assert rules.may_see(card, viewer(AUTHOR))
        assert rules.may_see(card, None) == (visibility in ("public", "unlisted"))


def hidden_from(card: Card, eyes: Viewer) -> bool:
    return not rules.in_home(card, eyes)


@pytest.mark.parametrize("relation", ["blocks", "mutes"])
def test_home_hides_everything_that_blocked_or_muted_people_touch(relation: str) -> None:
    eyes = viewer(following=frozenset([AUTHOR, OTHER]), **{relation: frozenset([OTHER])})
    assert hidden_from(make_card(account_id=OTHER), eyes)
    assert hidden_from(make_card(account_id=AUTHOR, mentions=[OTHER]), eyes)
    assert hidden_from(make_card(account_id=AUTHOR, inner=make_card(account_id=OTHER)), eyes)
    assert hidden_from(make_card(account_id=AUTHOR, inner=make_card(account_id=4, mentions=[OTHER])), eyes)
    assert hidden_from(make_card(account_id=VIEWER, inner=make_card(account_id=OTHER)), eyes)
    assert not hidden_from(make_card(account_id=AUTHOR), eyes)
    assert not hidden_from(make_card(account_id=VIEWER, mentions=[OTHER]), eyes)
    assert rules.may_see(make_card(account_id=OTHER), eyes), "hiding is not privacy"


def test_home_obeys_how_somebody_is_followed() -> None:
    eyes = Viewer(VIEWER, follows={AUTHOR: Follow(show_reblogs=False, languages=("de",)), OTHER: Follow()})
    assert hidden_from(make_card(account_id=AUTHOR, inner=make_card(account_id=4), language="de"), eyes)
    assert hidden_from(make_card(account_id=AUTHOR, language="en"), eyes)
    assert not hidden_from(make_card(account_id=AUTHOR, language="de"), eyes)
    assert not hidden_from(make_card(account_id=AUTHOR, language=None), eyes)
    assert not hidden_from(make_card(account_id=OTHER, inner=make_card(account_id=4)), eyes)


def test_public_timelines_hold_public_originals_of_people_who_are_not_hidden() -> None:
    eyes = viewer(mutes=frozenset([OTHER]))
    assert rules.in_public(make_card(account_id=AUTHOR), eyes)
    assert rules.in_public(make_card(account_id=AUTHOR), None)
    for visibility in VISIBILITIES[1:]:
        assert not rules.in_public(make_card(account_id=VIEWER, visibility=visibility), eyes)
    assert not rules.in_public(make_card(account_id=AUTHOR, inner=make_card(account_id=4)), eyes)
    assert not rules.in_public(make_card(account_id=OTHER), eyes)
    assert not rules.in_public(make_card(account_id=AUTHOR, suspended=True), None)


def test_profiles_leave_out_reblogs_of_hidden_people_only() -> None:
    eyes = viewer(mutes=frozenset([AUTHOR, OTHER]))
    assert rules.in_profile(make_card(account_id=AUTHOR), eyes)
    assert not rules.in_profile(make_card(account_id=AUTHOR, inner=make_card(account_id=OTHER)), eyes)
    assert rules.in_profile(make_card(account_id=AUTHOR, inner=make_card(account_id=4)), None)


def test_notifications_come_from_people_who_are_not_silenced() -> None:
    eyes = viewer(mutes=frozenset([4, 5]), silenced=frozenset([5]), blocks=frozenset([6]))
    heard = [sender for sender in (AUTHOR, 4, 5, 6) if rules.in_notifications(eyes, from_account_id=sender)]
    assert heard == [AUTHOR, 4]
    assert not rules.in_notifications(viewer(blocked_by=frozenset([7])), from_account_id=7)
