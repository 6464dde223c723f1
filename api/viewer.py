"""One signed-in account's eyes: relations both ways, muted threads, and own reactions as far as asked."""

from collections.abc import Mapping
from dataclasses import dataclass

from api.caching import Cached


@dataclass(frozen=True, slots=True)
class Follow:
    """How the viewer follows somebody."""

    show_reblogs: bool = True
    notify: bool = False
    languages: tuple[str, ...] | None = None


PLAIN_FOLLOW = Follow()  # shared by nearly all follows


class Viewer(Cached):
    """One account's eyes. `reactions` maps status ids to flag bits, for those that were asked so far."""

    __slots__ = (
        "account_id",
        "blocked_by",
        "blocks",
        "expires_at",
        "follows",
        "hidden",
        "languages",
        "muted_conversations",
        "reactions",
        "reactions_version",
        "reblogs_hidden",
        "silenced",
    )

    def __init__(
        self,
        account_id: int,
        *,
        blocks: frozenset[int] = frozenset(),
        blocked_by: frozenset[int] = frozenset(),
        mutes: frozenset[int] = frozenset(),
        silenced: frozenset[int] = frozenset(),
        follows: Mapping[int, Follow] | None = None,
        muted_conversations: frozenset[int] = frozenset(),
        expires_at: float = float("inf"),
    ) -> None:
        super().__init__()
        self.account_id = account_id
        self.blocks = blocks
        self.blocked_by = blocked_by
        self.silenced = silenced  # muted together with their notifications
        self.hidden = blocks | mutes
        self.follows: Mapping[int, Follow] = follows or {}
        self.reblogs_hidden = frozenset(
            target for target, follow in self.follows.items() if not follow.show_reblogs
        )
        self.languages = {
            target: follow.languages for target, follow in self.follows.items() if follow.languages
        }
        self.muted_conversations = muted_conversations
        self.expires_at = expires_at  # unix seconds at which the first timed mute ends
        self.reactions: dict[int, int] = {}
        self.reactions_version = 0

    def forget_reactions(self, status_id: int | None = None) -> None:
        """The viewer reacted to this status, or nobody knows to which."""
        self.reactions_version += 1
        if status_id is None:
            self.reactions.clear()
        else:
            self.reactions.pop(status_id, None)
