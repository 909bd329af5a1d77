"""Assets as events."""

import msgspec

from daira_contracts.media import AssetChangedV1, AssetKind, AssetState, Rendition
from daira_media.domain.assets import Asset


def asset_changed(asset: Asset) -> AssetChangedV1:
    """The whole state of an asset, with its revision."""
    return AssetChangedV1(
        revision=asset.revision,
        media_id=asset.id,
        owner_id=asset.owner_id,
        kind=AssetKind(asset.kind.value),
        state=AssetState(asset.state.value),
        storage_key=asset.storage_key,
        content_type=asset.content_type,
        size_bytes=asset.size_bytes,
        failure_code=asset.failure_code,
        renditions=tuple(Rendition(**msgspec.structs.asdict(rendition)) for rendition in asset.renditions),
        blurhash=asset.blurhash,
        duration_ms=asset.duration_ms,
        waveform=asset.waveform,
    )
