"""What each tus request can be refused with, for the API document."""

from typing import Final

from daira_kit.errors import Gone
from daira_media.errors import (
    ChecksumMismatch,
    ChecksumUnsupported,
    ContentTypeWrong,
    FinalNotWritable,
    HeaderInvalid,
    ObjectStoreUnavailable,
    OffsetMismatch,
    PartsNotJoinable,
    QuotaExceeded,
    SenderGone,
    ServerStopping,
    SpoolFull,
    TooManyUploads,
    TypeNotAccepted,
    UploadBroken,
    UploadBusy,
    UploadCompleted,
    UploadEmpty,
    UploadGone,
    UploadJoining,
    UploadNotFound,
    UploadStalled,
    UploadTooLarge,
    VersionUnsupported,
)
from daira_stores.idempotency import IdempotencyInProgress, IdempotencyMismatch
from daira_web.idempotency import IdempotencyKeyInvalid

_RECEIVING: Final = (
    HeaderInvalid,
    ChecksumUnsupported,
    ChecksumMismatch,
    UploadTooLarge,
    UploadEmpty,
    QuotaExceeded,
    TypeNotAccepted,
    UploadBusy,
    SenderGone,
    ServerStopping,
    UploadStalled,
    SpoolFull,
    UploadBroken,
    UploadJoining,
    ObjectStoreUnavailable,
)
_STANDING: Final = (VersionUnsupported, UploadNotFound, UploadGone)
CREATING: Final = (
    *_RECEIVING,
    *_STANDING,
    TooManyUploads,
    PartsNotJoinable,
    Gone,
    IdempotencyInProgress,
    IdempotencyMismatch,
    IdempotencyKeyInvalid,
)
READING: Final = (*_STANDING, UploadBusy, UploadBroken, UploadJoining, ObjectStoreUnavailable)
WRITING: Final = (*_STANDING, *_RECEIVING, FinalNotWritable, OffsetMismatch, UploadCompleted, ContentTypeWrong)
REMOVING: Final = (*_STANDING, UploadBusy, UploadCompleted)
