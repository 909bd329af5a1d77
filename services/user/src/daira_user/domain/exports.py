"""The life of an export."""

from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec


class ExportState(Enum):
    """FAILED exports can be asked for again under another id."""

    WRITING = "WRITING"
    READY = "READY"
    FAILED = "FAILED"


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """One copy of what user knows about a person."""

    id: UUID
    user_id: UUID
    state: ExportState
    asked_at: datetime
    expires_at: datetime | None = None
    size_bytes: int | None = None
