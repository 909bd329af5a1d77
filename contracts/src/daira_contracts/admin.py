"""What admin's tools tell: what an operator did by hand."""

from typing import ClassVar
from uuid import UUID

import msgspec

from daira_contracts._event import Event
from daira_kit.ids import new_id


class OperatorActedV1(Event, frozen=True, kw_only=True):
    """Somebody did with the operator's command what members may notice, or saw what is theirs."""

    topic: ClassVar[str] = "admin.operator-acted.v1"
    key: ClassVar[tuple[str, ...]] = ("act_id",)

    act_id: UUID = msgspec.field(default_factory=new_id)
    operator: str
    """`user@host` as the operating system knows them."""
    act: str
    """`replay.dump.unredacted`, `replay.run.live`: command and what made it worth telling."""
    subjects: tuple[str, ...]
    """Topics, services or ids it was done to."""
    reason: str
    """As the operator typed it."""
