"""When people lose sight of a person's uploads without any post having changed."""

from datetime import datetime
from uuid import UUID

import msgspec


class Narrowing(msgspec.Struct, frozen=True, kw_only=True):
    """Whose pictures and voice notes need other URLs: all of them, or those that only followers see.

    `first_at` is the first loss that is not answered yet, `last_at` the newest.
    """

    author_id: UUID
    is_of_all: bool
    first_at: datetime
    last_at: datetime


def turns_private(*, was_private: bool | None, is_private: bool) -> bool:
    """True when strangers may know URLs; an account nobody told of before (None) may have been public."""
    return is_private and not was_private
