"""An asset: a finished upload and what was made of it."""

from collections.abc import Iterable
from enum import Enum
from uuid import UUID

import msgspec

from daira_kit.states import StateGraph
from daira_media.domain.purposes import Purpose


class AssetState(str, Enum):
    """VIDEO assets stay UPLOADED: the video service tells the rest."""

    UPLOADED = "UPLOADED"
    PROCESSING = "PROCESSING"
    READY = "READY"
    FAILED = "FAILED"
    REMOVED = "REMOVED"


GRAPH = StateGraph(
    {
        AssetState.UPLOADED: {AssetState.PROCESSING, AssetState.REMOVED},
        AssetState.PROCESSING: {AssetState.READY, AssetState.FAILED, AssetState.REMOVED},
        AssetState.READY: {AssetState.REMOVED},
        AssetState.FAILED: {AssetState.REMOVED},
        AssetState.REMOVED: set[AssetState](),
    }
)


class Rendition(msgspec.Struct, frozen=True, kw_only=True):
    """One servable form; `url` is a path below the gateway, `name` the last part of it."""

    name: str
    url: str
    content_type: str
    width: int = 0
    height: int = 0
    size_bytes: int = 0


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """`capability` are 128 random bits in every public URL: whoever has the URL may read."""

    id: UUID
    owner_id: UUID
    kind: Purpose
    state: AssetState
    storage_key: str
    content_type: str
    size_bytes: int
    capability: str
    failure_code: str | None = None
    renditions: tuple[Rendition, ...] = ()
    duration_ms: int | None = None
    waveform: tuple[int, ...] = ()
    blurhash: str | None = None
    revision: int = 1


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One rung of a video; bandwidth is the measured peak in bit/s."""

    name: str
    width: int
    height: int
    bandwidth: int
    average_bandwidth: int
    codecs: str


class Video(msgspec.Struct, frozen=True, kw_only=True):
    """What video tells about one of our VIDEO assets."""

    state: str
    failure_code: str | None
    hls_url: str | None
    mp4_url: str | None
    poster_url: str | None
    blurhash: str | None
    duration_ms: int
    width: int
    height: int
    variants: tuple[Variant, ...]


def first_state(kind: Purpose) -> AssetState:
    """Videos wait for the video service; images and voice notes are worked on here."""
    return AssetState.UPLOADED if kind is Purpose.VIDEO else AssetState.PROCESSING


def rendition_url(kind: Purpose, capability: str, name: str) -> str:
    """The public path of one form."""
    folder = "voices" if kind is Purpose.VOICE else "images"
    return f"/media/{folder}/{capability}/{name}"


def linked(asset: Asset, renditions: Iterable[Rendition]) -> tuple[Rendition, ...]:
    """These forms, with the URLs that the asset's capability gives them."""
    return tuple(
        msgspec.structs.replace(one, url=rendition_url(asset.kind, asset.capability, one.name)) for one in renditions
    )


def renewed(asset: Asset, capability: str) -> Asset:
    """The next revision, with other URLs."""
    changed = msgspec.structs.replace(asset, capability=capability, revision=asset.revision + 1)
    return msgspec.structs.replace(changed, renditions=linked(changed, asset.renditions))


VIDEO_STATES = {
    "PROBING": "PROBING",
    "PROCESSING": "PROCESSING",
    "PLAYABLE": "PROCESSING",
    "READY": "READY",
    "FAILED": "FAILED",
}
"""What the owner is told: a playable video is still being worked on, but has URLs."""


def visible_state(asset: Asset, video: Video | None, percent: int | None = None) -> str:
    """The state the owner sees. A report of progress may be here before the state it belongs to."""
    if asset.kind is not Purpose.VIDEO:
        return asset.state.value
    if video is None:
        return "UPLOADED" if percent is None else "PROCESSING"
    return VIDEO_STATES.get(video.state, AssetState.REMOVED.value)


def visible_percent(state: str, reported: int | None) -> int:
    """0 to 100; 100 exactly when READY."""
    if state == "READY":
        return 100
    return min(max(reported or 0, 0), 99)
