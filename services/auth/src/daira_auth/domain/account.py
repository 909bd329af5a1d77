"""A person as auth knows one."""

from datetime import datetime
from uuid import UUID

import msgspec


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """`erases_at` is set while the person waits to be forgotten."""

    id: UUID
    phone: str
    locale: str
    registered_at: datetime
    erases_at: datetime | None = None
