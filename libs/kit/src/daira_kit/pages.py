"""Lists that clients read: one shape everywhere."""

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")
DEFAULT_LIMIT = 20
MAX_LIMIT = 100


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True, rename="camel"):
    """`has_more` may be true on a short page: filtering can shorten a page without ending the list."""

    items: list[T]
    next_cursor: str | None
    has_more: bool
