"""May this viewer see that? One condition per line; the same answers for REST and streaming.

`may_see` is privacy: a status that fails it does not exist for the viewer. The `in_...` rules are taste: what
the viewer asked not to meet in a timeline, but may still open by its address. A viewer of None is anonymous.
"""

from api.cards import Card
from api.viewers import Viewer


def may_see(card: Card, viewer: Viewer | None) -> bool:
    """Privacy, for the status and for what it reblogs."""
    inner = card.inner
    if inner is not None and not _may_see_one(inner, viewer):
        return False
    return _may_see_one(card, viewer)


def _may_see_one(card: Card, viewer: Viewer | None) -> bool:
    if card.author.suspended:
        return False
    if viewer is None:
        return card.visibility in ("public", "unlisted")
    if card.account_id == viewer.account_id:
        return True
    if card.account_id in viewer.blocked_by:
        return False
    if card.visibility in ("public", "unlisted"):
        return True
    if viewer.account_id in card.mentioned:
        return True
    return card.visibility == "private" and card.account_id in viewer.follows


def in_home(card: Card, viewer: Viewer | None) -> bool:
    """Whether a status that reached the viewer's home feed is shown there now."""
    if not may_see(card, viewer):
        return False
    if viewer is None:
        return False
    if card.inner is None and card.account_id == viewer.account_id:
        return True
    if not viewer.hidden.isdisjoint(card.people):
        return False
    if card.inner is not None and card.account_id in viewer.reblogs_hidden:
        return False
    return not viewer.languages or _language_wanted(card, viewer)


def in_public(card: Card, viewer: Viewer | None) -> bool:
    """Whether a status belongs into the public, local and hashtag timelines as this viewer sees them."""
    if card.visibility != "public":
        return False
    if card.inner is not None:
        return False
    if not may_see(card, viewer):
        return False
    if viewer is None:
        return True
    if card.account_id == viewer.account_id:
        return True
    return viewer.hidden.isdisjoint(card.people)


def in_list(card: Card, viewer: Viewer | None) -> bool:
    """Whether a status belongs into one of the viewer's lists: as in home."""
    return in_home(card, viewer)


def in_profile(card: Card, viewer: Viewer | None) -> bool:
    """Whether a status is shown on its author's own page: reblogs of people one blocks or mutes are not."""
    if not may_see(card, viewer):
        return False
    if viewer is None or card.inner is None:
        return True
    return card.inner.account_id not in viewer.hidden


def in_thread(card: Card, viewer: Viewer | None) -> bool:
    """Whether a status is shown among what another one answers, and what answers it."""
    if not may_see(card, viewer):
        return False
    if viewer is None or card.account_id == viewer.account_id:
        return True
    return card.account_id not in viewer.hidden


def in_notifications(viewer: Viewer, *, from_account_id: int) -> bool:
    """Whether the viewer wants to hear of what this account does."""
    if from_account_id in viewer.blocks:
        return False
    if from_account_id in viewer.blocked_by:
        return False
    return from_account_id not in viewer.silenced


def _language_wanted(card: Card, viewer: Viewer) -> bool:
    wanted = viewer.languages.get(card.account_id)
    if not wanted:
        return True
    language = card.proper.language
    return language is None or language in wanted
