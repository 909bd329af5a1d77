"""What every service tells that staff act in: who did what to whom, and why."""

from typing import ClassVar
from uuid import UUID

import msgspec

from daira_contracts._event import Event
from daira_kit.ids import new_id


class StaffActionRecorded(Event, frozen=True, kw_only=True):
    """One act, told in the transaction that did it."""

    key: ClassVar[tuple[str, ...]] = ("action_id",)

    action_id: UUID = msgspec.field(default_factory=new_id)
    actor: str
    """A member of staff by id, or `user@host` for who acted from a command line."""
    action: str
    """What was done, such as `role.granted`."""
    subject_id: UUID
    """To whom or to what."""
    detail: str = ""
    reason: str
    """As the actor typed it."""
