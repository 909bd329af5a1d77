"""What can go wrong with an upload. The statuses are those of tus 1.0."""

from daira_kit.errors import (
    BadRequest,
    Conflict,
    DairaError,
    Forbidden,
    Gone,
    Locked,
    NotFound,
    PayloadTooLarge,
    PreconditionFailed,
    Unavailable,
    Unprocessable,
    UnsupportedMediaType,
)
from daira_stores.objects import ObjectStoreUnavailable

__all__ = [
    "ChecksumMismatch",
    "ChecksumUnsupported",
    "ContentTypeWrong",
    "FinalNotWritable",
    "HeaderInvalid",
    "MediaNotFound",
    "ObjectStoreUnavailable",
    "OffsetMismatch",
    "OverrideUnknown",
    "PartsNotJoinable",
    "QuotaExceeded",
    "SenderGone",
    "ServerStopping",
    "SpoolFull",
    "TooManyUploads",
    "TypeNotAccepted",
    "UploadBroken",
    "UploadBusy",
    "UploadCompleted",
    "UploadEmpty",
    "UploadGone",
    "UploadJoining",
    "UploadNotFound",
    "UploadStalled",
    "UploadTooLarge",
    "VersionUnsupported",
]


class HeaderInvalid(BadRequest):
    """A tus header is missing or malformed."""

    code = "upload_header_invalid"


class ChecksumUnsupported(BadRequest):
    """Upload-Checksum names an algorithm this server does not offer."""

    code = "checksum_unsupported"


class ChecksumMismatch(DairaError):
    """The chunk does not have the announced checksum; it was discarded and the offset is unchanged."""

    status = 460
    code = "checksum_mismatch"
    title = "Checksum mismatch"
    title_ar = "بصمة غير مطابقة"


class VersionUnsupported(PreconditionFailed):
    """Tus-Resumable must be 1.0.0."""

    code = "tus_version_unsupported"


class UploadNotFound(NotFound):
    """There is no such upload of yours."""

    code = "upload_not_found"


class UploadGone(Gone):
    """This upload expired or was terminated. Start a new one."""

    code = "upload_gone"


class OffsetMismatch(Conflict):
    """Upload-Offset is not where this upload stands. Ask with HEAD."""

    code = "upload_offset_mismatch"


class UploadCompleted(Conflict):
    """This upload is complete; it is a media asset now."""

    code = "upload_completed"


class UploadBusy(Locked):
    """Another request is writing to this upload."""

    code = "upload_locked"


class UploadTooLarge(PayloadTooLarge):
    """The upload is larger than its purpose or its declared length allows."""

    code = "upload_too_large"


class UploadEmpty(Unprocessable):
    """An upload needs at least one byte."""

    code = "upload_empty"


class QuotaExceeded(PayloadTooLarge):
    """Your storage is full. Delete something first."""

    code = "upload_quota_exceeded"


class TooManyUploads(Conflict):
    """You have too many unfinished uploads. Finish or terminate one first."""

    code = "too_many_uploads"


class TypeNotAccepted(UnsupportedMediaType):
    """The content is not of a type accepted for this purpose."""

    code = "media_type_not_accepted"


class ContentTypeWrong(UnsupportedMediaType):
    """Chunks are sent as application/offset+octet-stream."""

    code = "upload_content_type_wrong"


class FinalNotWritable(Forbidden):
    """A concatenated upload cannot be written to."""

    code = "upload_final"


class PartsNotJoinable(BadRequest):
    """Upload-Concat must name complete partial uploads of yours on this server."""

    code = "upload_parts_not_joinable"


class MediaNotFound(NotFound):
    """There is no such media of yours."""

    code = "media_not_found"


class SenderGone(BadRequest):
    """The connection ended before the body did. What arrived is kept; ask with HEAD."""

    code = "upload_interrupted"


class ServerStopping(DairaError):
    """This server is being replaced. What arrived is kept; go on at once."""

    status = 503
    code = "upload_server_stopping"
    title = "Server is stopping"
    title_ar = "الخادم يتوقف"


class UploadStalled(DairaError):
    """Nothing arrived for too long. What arrived before is kept; ask with HEAD."""

    status = 408
    code = "upload_stalled"
    title = "Upload stalled"
    title_ar = "توقف الرفع"


class SpoolFull(Unavailable):
    """This server has no room for uploads right now. Try again shortly."""

    code = "upload_spool_full"


class UploadBroken(DairaError):
    """The stored bytes are not what was received. Start a new upload."""

    code = "upload_broken"


class UploadJoining(DairaError):
    """All bytes are here and are being joined. Ask again shortly."""

    status = 503
    code = "upload_joining"
    title = "Upload is being joined"
    title_ar = "يجري تجميع الملف"

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "2"})


class OverrideUnknown(BadRequest):
    """X-HTTP-Method-Override must be PATCH, DELETE or HEAD."""

    code = "method_override_unknown"
