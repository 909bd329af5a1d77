"""Identifiers: UUIDv7, so that they sort by the time they were made."""

from datetime import UTC, datetime
from uuid import UUID, uuid5

import uuid_utils

NAMESPACE = UUID("8f0c1c0e-6a3f-5d57-9a39-0d6c7a1f5a11")


def new_id() -> UUID:
    """A fresh UUIDv7 as a standard-library UUID."""
    return UUID(bytes=uuid_utils.uuid7().bytes)


def id_time(value: UUID) -> datetime | None:
    """When a UUIDv7 was made, in UTC with millisecond precision; None for any other version."""
    if value.version != 7:
        return None
    return datetime.fromtimestamp((value.int >> 80) / 1000, tz=UTC)


def derived_id(*parts: object) -> UUID:
    """The same parts always give the same id (UUIDv5): for ids that must survive a retry."""
    return uuid5(NAMESPACE, "\x1f".join(str(part) for part in parts))
