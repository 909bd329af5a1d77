"""An upload: what is durable of it, and what a request may do with it."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec

from daira_kit.states import StateGraph
from daira_media.domain.purposes import ContentType, Limits, Purpose
from daira_media.errors import (
    FinalNotWritable,
    HeaderInvalid,
    OffsetMismatch,
    UploadCompleted,
    UploadGone,
    UploadTooLarge,
)


class UploadState(str, Enum):
    """COMPLETING: all bytes are durable, the object is being joined; whoever sees it may finish the work."""

    OPEN = "OPEN"
    COMPLETING = "COMPLETING"
    COMPLETE = "COMPLETE"
    EXPIRED = "EXPIRED"
    TERMINATED = "TERMINATED"


GRAPH = StateGraph(
    {
        UploadState.OPEN: {UploadState.COMPLETING, UploadState.COMPLETE, UploadState.EXPIRED, UploadState.TERMINATED},
        UploadState.COMPLETING: {UploadState.COMPLETE, UploadState.TERMINATED},
        UploadState.COMPLETE: {UploadState.TERMINATED},
        UploadState.EXPIRED: set[UploadState](),
        UploadState.TERMINATED: set[UploadState](),
    }
)


class Part(msgspec.Struct, frozen=True):
    """One part of the multipart upload, durable in S3."""

    number: int
    etag: str
    size: int


class Tail(msgspec.Struct, frozen=True):
    """Durable bytes after the last part, too few for a part of their own."""

    key: str
    size: int


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """`offset` counts durable bytes. `fence` grows with every new holder of the lease: an old one commits nothing."""

    id: UUID
    owner_id: UUID
    state: UploadState
    purpose: Purpose | None
    content_type: ContentType | None
    length: int | None
    offset: int
    head: bytes
    multipart_id: str | None
    parts_size: int
    next_part: int
    tail: Tail | None
    fence: int
    is_partial: bool
    concat: str | None
    metadata: Mapping[str, str]
    created_at: datetime
    expires_at: datetime

    @property
    def is_full(self) -> bool:
        """True when every declared byte is durable."""
        return self.length is not None and self.offset == self.length


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What one commit adds: bytes that became durable since the last one."""

    offset: int
    parts: tuple[Part, ...]
    next_part: int
    multipart_id: str | None
    tail: Tail | None
    head: bytes
    purpose: Purpose | None
    content_type: ContentType | None


def check_readable(upload: Upload, now: datetime) -> None:
    """Raises UploadGone for what expired or was terminated."""
    if upload.state in {UploadState.EXPIRED, UploadState.TERMINATED}:
        raise UploadGone
    if upload.state is UploadState.OPEN and upload.expires_at <= now:
        raise UploadGone


def check_writable(upload: Upload, offset: int, now: datetime) -> None:
    """Raises UploadGone, FinalNotWritable, OffsetMismatch or UploadCompleted."""
    check_readable(upload, now)
    if upload.concat is not None:
        raise FinalNotWritable
    if offset != upload.offset:
        raise OffsetMismatch(headers={"Upload-Offset": str(upload.offset)})
    if upload.state is not UploadState.OPEN:
        raise UploadCompleted


def check_removable(upload: Upload, now: datetime) -> None:
    """Raises UploadGone, or UploadCompleted when the upload has become an asset (parts of one may still go)."""
    check_readable(upload, now)
    if upload.state is not UploadState.OPEN and not upload.is_partial:
        raise UploadCompleted


def settle_length(upload: Upload, declared: int | None, limits: Limits) -> int | None:
    """The length after a request that may declare a deferred one.

    Raises HeaderInvalid when it contradicts what is known, UploadEmpty or UploadTooLarge by purpose.
    """
    if declared is None or declared == upload.length:
        return upload.length
    if upload.length is not None:
        raise HeaderInvalid("Upload-Length was declared before and cannot change")
    if declared < upload.offset:
        raise HeaderInvalid("Upload-Length is below what was received already")
    limits.check_size(upload.purpose, declared)
    return declared


def check_fits(room: int, announced: int | None) -> None:
    """Raises UploadTooLarge when the announced body is longer than what the upload may still receive."""
    if announced is not None and announced > room:
        raise UploadTooLarge("The body is longer than what is left of this upload")
