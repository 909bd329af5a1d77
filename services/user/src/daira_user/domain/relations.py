"""How two people stand to each other, and who may see what of whom."""

from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec
from msgspec.structs import replace


class Follow(Enum):
    """REQUESTED waits for the owner of a private account."""

    NONE = "NONE"
    REQUESTED = "REQUESTED"
    FOLLOWING = "FOLLOWING"


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """All that `actor_id` holds towards `target_id`. `since` says when the follow or the request began."""

    actor_id: UUID
    target_id: UUID
    follow: Follow = Follow.NONE
    since: datetime | None = None
    blocks: bool = False
    mutes: bool = False

    @property
    def is_empty(self) -> bool:
        """Nothing is left to remember."""
        return self.follow is Follow.NONE and not self.blocks and not self.mutes


class Pair(msgspec.Struct, frozen=True):
    """Both directions between the one who acts or reads (`mine`) and the other (`theirs`)."""

    mine: Relation
    theirs: Relation


def follow(pair: Pair, *, is_private: bool, at: datetime) -> Pair:
    """Follow, or ask to; a repeat changes nothing, and who follows already need not ask again."""
    if pair.mine.follow is Follow.FOLLOWING:
        return pair
    wanted = Follow.REQUESTED if is_private else Follow.FOLLOWING
    if pair.mine.follow is wanted:
        return pair
    return Pair(replace(pair.mine, follow=wanted, since=at), pair.theirs)


def unfollow(pair: Pair) -> Pair:
    """Stop following, or take the request back."""
    return Pair(_without_follow(pair.mine), pair.theirs)


def accept(pair: Pair, at: datetime) -> Pair:
    """Let the other follow; only a request can be accepted."""
    if pair.theirs.follow is not Follow.REQUESTED:
        return pair
    return Pair(pair.mine, replace(pair.theirs, follow=Follow.FOLLOWING, since=at))


def decline(pair: Pair) -> Pair:
    """Refuse the other's request; a follow stays."""
    if pair.theirs.follow is not Follow.REQUESTED:
        return pair
    return Pair(pair.mine, _without_follow(pair.theirs))


def block(pair: Pair) -> Pair:
    """Ends every follow and request between the two, in both directions."""
    return Pair(replace(_without_follow(pair.mine), blocks=True), _without_follow(pair.theirs))


def unblock(pair: Pair) -> Pair:
    """What the block ended does not come back."""
    return Pair(replace(pair.mine, blocks=False), pair.theirs)


def mute(pair: Pair, *, on: bool) -> Pair:
    """Only the one who mutes notices."""
    return Pair(replace(pair.mine, mutes=on), pair.theirs)


def may_see_person(pair: Pair) -> bool:
    """Whom somebody blocks, to them that somebody does not exist."""
    return not pair.theirs.blocks


def may_see_lists(pair: Pair, *, is_private: bool, is_self: bool) -> bool:
    """Followers and followings of a private account are for its followers."""
    return is_self or (may_see_person(pair) and (not is_private or pair.mine.follow is Follow.FOLLOWING))


def _without_follow(relation: Relation) -> Relation:
    return replace(relation, follow=Follow.NONE, since=None)
