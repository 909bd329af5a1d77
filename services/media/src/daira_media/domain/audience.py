"""How wide the circle is that may see an upload, as far as its posts say."""

from enum import IntEnum


class Audience(IntEnum):
    """Ordered: whoever belongs to a smaller one belongs to the larger ones."""

    NOBODY = 0
    FOLLOWERS = 1
    EVERYBODY = 2


def audience_of(*, published: bool, public: bool) -> Audience:
    """Of one post."""
    if not published:
        return Audience.NOBODY
    return Audience.EVERYBODY if public else Audience.FOLLOWERS


def has_narrowed(before: Audience, after: Audience) -> bool:
    """True when somebody may know a URL who may not use it any more."""
    return after < before
