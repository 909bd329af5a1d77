"""The archive of everything the platform knows about a person."""

from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec

NAME = "export.zip"
CONTENT_TYPE = "application/zip"


class ExportState(str, Enum):
    """FAILED means that some part never came, or that the archive could not be made; the person may ask again."""

    PROCESSING = "PROCESSING"
    READY = "READY"
    FAILED = "FAILED"


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """`capability` are 128 random bits in the URL: whoever has it may read. Gone after `expires_at` in any state."""

    id: UUID
    owner_id: UUID
    state: ExportState
    capability: str
    size_bytes: int = 0
    failure_code: str | None = None
    expires_at: datetime

    @property
    def url(self) -> str:
        """A path below the gateway."""
        return f"/media/exports/{self.capability}/{NAME}"
