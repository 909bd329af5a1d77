"""What media tells: assets, from the finished upload to their renditions."""

from typing import ClassVar
from uuid import UUID

from daira_contracts._event import Event, Nested, OpenEnum
from daira_contracts.exports import ExportPartWritten


class AssetKind(OpenEnum):
    """What an upload is for."""

    VIDEO = "VIDEO"
    IMAGE = "IMAGE"
    VOICE = "VOICE"
    AVATAR = "AVATAR"
    UNKNOWN = "UNKNOWN"


class AssetState(OpenEnum):
    """VIDEO assets stay UPLOADED here: the video service tells the rest."""

    UPLOADED = "UPLOADED"
    PROCESSING = "PROCESSING"
    READY = "READY"
    FAILED = "FAILED"
    REMOVED = "REMOVED"
    UNKNOWN = "UNKNOWN"


class Rendition(Nested, frozen=True, kw_only=True):
    """One ready form of an image or voice note; `url` is a path below the gateway."""

    name: str
    url: str
    content_type: str
    width: int = 0
    height: int = 0
    size_bytes: int = 0


class AssetChangedV1(Event, frozen=True, kw_only=True):
    """The whole state of an uploaded asset. `storage_key` lies in the shared bucket below `media/`."""

    topic: ClassVar[str] = "media.asset-changed.v1"
    key: ClassVar[tuple[str, ...]] = ("media_id",)

    media_id: UUID
    owner_id: UUID
    kind: AssetKind
    state: AssetState
    storage_key: str
    content_type: str
    size_bytes: int
    failure_code: str | None = None
    renditions: tuple[Rendition, ...] = ()
    blurhash: str | None = None
    duration_ms: int | None = None
    waveform: tuple[int, ...] = ()


class ExportPartWrittenV1(ExportPartWritten, frozen=True, kw_only=True):
    """The part of an export that media writes."""

    topic: ClassVar[str] = "media.export-part-written.v1"
