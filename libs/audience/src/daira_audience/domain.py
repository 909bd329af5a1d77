"""How wide the circle is that may see an upload, and when people leave it without any post having changed."""

from datetime import datetime
from enum import IntEnum
from uuid import UUID

import msgspec


class Audience(IntEnum):
    """As far as posts say. Ordered: whoever belongs to a smaller one belongs to the larger ones."""

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


class Narrowing(msgspec.Struct, frozen=True, kw_only=True):
    """Whose uploads need other URLs: all of them, or those that only followers see.

    `first_at` is the first loss that is not answered yet, `last_at` the newest.
    """

    author_id: UUID
    is_of_all: bool
    first_at: datetime
    last_at: datetime


def turns_private(*, was_private: bool | None, is_private: bool) -> bool:
    """True when strangers may know URLs; an account nobody told of before (None) may have been public."""
    return is_private and not was_private
