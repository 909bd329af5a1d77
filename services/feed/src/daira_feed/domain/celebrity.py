"""Authors with very many followers are merged at read time; in between, both ways hold, so that nothing is missed."""

from enum import Enum

LEAVE_SHARE = 0.8
"""An author falls back to pushing below this share of the threshold, so that nobody flaps."""


class Mode(Enum):
    """How an author's posts reach Circles.

    RISING: still pushed while followers are told to pull. FALLING: still pulled while followers get the rest.
    """

    PUSHED = "PUSHED"
    RISING = "RISING"
    PULLED = "PULLED"
    FALLING = "FALLING"

    @property
    def pushes(self) -> bool:
        """True when new posts are written to followers' Circles."""
        return self is not Mode.PULLED

    @property
    def is_pulled(self) -> bool:
        """True when readers merge this author's own timeline."""
        return self is not Mode.PUSHED


def next_mode(mode: Mode, followers: int, threshold: int) -> Mode:
    """The mode after a change of the follower count; a switch under way is finished before it is turned back."""
    if mode is Mode.PUSHED and followers >= threshold:
        return Mode.RISING
    if mode is Mode.PULLED and followers < threshold * LEAVE_SHARE:
        return Mode.FALLING
    return mode


def settled(mode: Mode) -> Mode:
    """The mode once the switch under way has reached every follower."""
    return {Mode.RISING: Mode.PULLED, Mode.FALLING: Mode.PUSHED}.get(mode, mode)
