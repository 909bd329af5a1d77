"""URLs of pictures and voice notes; those of videos are kept by video."""

from uuid import UUID

from daira_audience.domain import Narrowing
from daira_kit.capabilities import new_capability
from daira_media.domain.assets import Asset, AssetState, rendition_url, renewed
from daira_media.domain.purposes import Purpose
from daira_media.repository import assets
from daira_media.service.telling import asset_changed
from daira_stores.work import Work
from daira_web.cdn import Purging


class AssetUrls:
    """What follows an asset's audience: its capability, and what caches hold."""

    def __init__(self, purging: Purging) -> None:
        self._purging = purging

    async def lock(self, work: Work, media_id: UUID) -> Asset | None:
        """Any asset."""
        return await assets.lock(work, media_id)

    async def lock_exposed(self, work: Work, narrowing: Narrowing, after: UUID, most: int) -> list[Asset]:
        """Pictures and voice notes."""
        return await assets.lock_exposed(work, narrowing, after, most)

    async def renew(self, work: Work, asset: Asset) -> None:
        """Give an asset whose row is locked another capability: URLs that are known to somebody stop working."""
        if asset.kind is Purpose.VIDEO or asset.state is AssetState.REMOVED:
            return
        await self.purge(work, asset)
        changed = renewed(asset, new_capability())
        await assets.update(work, changed)
        if changed.state is AssetState.READY:
            await work.emit(asset_changed(changed))

    async def purge(self, work: Work, asset: Asset) -> None:
        """Caches forget what they have of it."""
        if asset.kind is not Purpose.VIDEO and asset.state is AssetState.READY:
            await self._purging.want(work, rendition_url(asset.kind, asset.capability, ""))
