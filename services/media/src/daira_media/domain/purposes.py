"""What an upload may be for, how large it may be, and which types it may have."""

from enum import Enum

import msgspec

from daira_media.errors import HeaderInvalid, TypeNotAccepted, UploadEmpty, UploadTooLarge

MIB = 1024 * 1024


class ContentType(str, Enum):
    """Types recognised by content; the value is what S3 and clients are told."""

    MP4 = "video/mp4"
    MOV = "video/quicktime"
    MKV = "video/x-matroska"
    WEBM = "video/webm"
    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    HEIC = "image/heic"
    M4A = "audio/mp4"
    OGG = "audio/ogg"


class Purpose(str, Enum):
    """What the owner means to do with the upload; also the kind of the asset it becomes."""

    VIDEO = "VIDEO"
    IMAGE = "IMAGE"
    VOICE = "VOICE"
    AVATAR = "AVATAR"


VIDEOS = frozenset({ContentType.MP4, ContentType.MOV, ContentType.MKV, ContentType.WEBM})
IMAGES = frozenset({ContentType.JPEG, ContentType.PNG, ContentType.WEBP, ContentType.HEIC})
VOICES = frozenset({ContentType.M4A, ContentType.OGG, ContentType.MP4, ContentType.WEBM})
ACCEPTED = {
    Purpose.VIDEO: VIDEOS,
    Purpose.IMAGE: IMAGES,
    Purpose.AVATAR: IMAGES,
    Purpose.VOICE: VOICES,
}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Largest upload in bytes by purpose, and what one person may hold in all."""

    video: int = 2048 * MIB
    image: int = 30 * MIB
    voice: int = 20 * MIB
    avatar: int = 10 * MIB
    quota: int = 20 * 1024 * MIB
    open_uploads: int = 64

    def largest(self, purpose: Purpose | None) -> int:
        """The largest upload for a purpose; the largest of all while the purpose is not known."""
        if purpose is None:
            return max(self.video, self.image, self.voice, self.avatar)
        return {
            Purpose.VIDEO: self.video,
            Purpose.IMAGE: self.image,
            Purpose.VOICE: self.voice,
            Purpose.AVATAR: self.avatar,
        }[purpose]

    def check_size(self, purpose: Purpose | None, size: int | None) -> None:
        """Raises UploadEmpty or UploadTooLarge; a deferred length (None) passes and is checked as bytes arrive."""
        if size == 0:
            raise UploadEmpty
        if size is not None and size > self.largest(purpose):
            raise UploadTooLarge(maxBytes=self.largest(purpose))


def purpose_named(name: str | None) -> Purpose | None:
    """The purpose in Upload-Metadata; None when the client left it to the content. Raises HeaderInvalid."""
    if not name:
        return None
    try:
        return Purpose(name.upper())
    except ValueError as error:
        raise HeaderInvalid("Upload-Metadata purpose must be VIDEO, IMAGE, VOICE or AVATAR") from error


def settle_purpose(wanted: Purpose | None, found: ContentType | None) -> Purpose:
    """The purpose of content of this type. Raises TypeNotAccepted when the type is foreign or does not fit."""
    if found is None:
        raise TypeNotAccepted
    if wanted is None:
        return _usual_purpose(found)
    if found not in ACCEPTED[wanted]:
        raise TypeNotAccepted(f"{found.value} is not accepted as {wanted.value}")
    return wanted


def _usual_purpose(found: ContentType) -> Purpose:
    if found in VIDEOS:
        return Purpose.VIDEO
    return Purpose.IMAGE if found in IMAGES else Purpose.VOICE
