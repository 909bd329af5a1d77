"""URLs of pictures and voice notes are known to everybody who could see the post: they change when fewer people may."""

from collections.abc import Collection
from uuid import UUID

from daira_contracts.feed import PostChangedV1
from daira_kit.capabilities import new_capability
from daira_media.domain.assets import Asset, AssetState, rendition_url, renewed
from daira_media.domain.audience import Audience, has_narrowed
from daira_media.domain.purposes import Purpose
from daira_media.repository import assets, shown
from daira_media.service.telling import asset_changed
from daira_stores.work import Work
from daira_web.cdn import Purging


class Audiences:
    """Follows posts. A foreign post that names an upload says nothing about it; of videos, video keeps the URLs."""

    def __init__(self, purging: Purging) -> None:
        self._purging = purging

    async def note_post(self, event: PostChangedV1, work: Work) -> None:
        """Keep who sees the post's uploads; late events change nothing."""
        known = await shown.of_post(work, event.post_id)
        if any(one.revision >= event.revision for one in known):
            return
        before = await self.audiences(work, {*event.media_ids, *(one.media_id for one in known)})
        await shown.put_posts(work, [event])
        await self.renew_narrowed(work, before)

    async def forget_post(self, post_id: UUID, work: Work) -> None:
        """The post is gone for good."""
        before = await self.audiences(work, [one.media_id for one in await shown.of_post(work, post_id)])
        await shown.remove_posts(work, [post_id])
        await self.renew_narrowed(work, before)

    async def audiences(self, work: Work, media_ids: Collection[UUID]) -> dict[UUID, Audience]:
        """Who sees each of these uploads, which are locked until the transaction ends."""
        # Locked first, in one order: of two posts that are hidden at once the later one sees what the earlier one did.
        for media_id in sorted(media_ids):
            await assets.lock(work, media_id)
        return {media_id: await shown.audience(work, media_id) for media_id in media_ids}

    async def renew_narrowed(self, work: Work, before: dict[UUID, Audience]) -> None:
        """Other URLs for those that fewer people may see than `before`."""
        for media_id, audience in before.items():
            if has_narrowed(audience, await shown.audience(work, media_id)):
                asset = await assets.lock(work, media_id)
                if asset is not None:
                    await self.renew(work, asset)

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
