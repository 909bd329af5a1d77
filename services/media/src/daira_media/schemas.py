"""What clients read about media."""

from datetime import datetime
from uuid import UUID

import msgspec


class VariantView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One form: a rung of a video, a size of an image, a file of a voice note. `bandwidth` in bit/s, videos only."""

    name: str
    url: str | None = None
    content_type: str | None = None
    width: int = 0
    height: int = 0
    bandwidth: int = 0
    size_bytes: int = 0


class MediaView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`progress` is 0 to 100. URLs are paths below the gateway and need no Authorization.

    `expires_at` is for exports only.
    """

    id: UUID
    kind: str
    state: str
    progress: int
    failure_code: str | None = None
    duration_ms: int | None = None
    width: int | None = None
    height: int | None = None
    hls_url: str | None = None
    mp4_url: str | None = None
    poster_url: str | None = None
    blurhash: str | None = None
    waveform: tuple[int, ...] = ()
    variants: tuple[VariantView, ...] = ()
    expires_at: datetime | None = None
