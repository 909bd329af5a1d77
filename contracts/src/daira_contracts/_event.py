"""The envelope that every event carries in its body, so that a stored or dead-lettered message is complete."""

from enum import Enum
from typing import ClassVar, Self
from uuid import UUID

import msgspec

from daira_kit.clock import Moment, now
from daira_kit.ids import new_id


class OpenEnum(str, Enum):
    """An enum that old readers survive: a member they do not know is read as UNKNOWN."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        member = cls.__members__.get("UNKNOWN")
        return member if isinstance(member, cls) else None


class Nested(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of an event."""


class Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`revision` counts changes of one key; a projection ignores a lower one than it holds."""

    topic: ClassVar[str] = ""
    key: ClassVar[tuple[str, ...]] = ()
    volatile: ClassVar[tuple[str, ...]] = ("event_id", "occurred_at")
    """Fields that differ each time the same thing is told; comparisons leave them out."""

    event_id: UUID = msgspec.field(default_factory=new_id)
    occurred_at: Moment = msgspec.field(default_factory=now)
    revision: int = 1

    @classmethod
    def key_of(cls, *parts: object) -> str:
        """The Kafka key made of the values of the key fields."""
        return ":".join(str(part) for part in parts)

    def key_text(self) -> str:
        """This event's Kafka key."""
        return self.key_of(*(_plain(getattr(self, field)) for field in self.key))


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else value
