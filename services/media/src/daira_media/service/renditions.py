"""What is made of images and voice notes, in a confined process."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import msgspec

from daira_media.adapters.bytes_store import BytesStore
from daira_media.adapters.decoder.protocol import Made, Outcome
from daira_media.adapters.sandbox import Decoder
from daira_media.domain import keys
from daira_media.domain.assets import GRAPH, Asset, AssetState, Rendition, linked
from daira_media.domain.purposes import Purpose
from daira_media.metrics import DECODED
from daira_media.repository import assets
from daira_media.service.telling import asset_changed
from daira_stores.postgres import Database


class Renditions:
    """Runs as a job: everything can be repeated, the same keys are written again."""

    def __init__(self, database: Database, store: BytesStore, decoder: Decoder, spool_folder: str | None) -> None:
        self._database = database
        self._store = store
        self._decoder = decoder
        self._spool_folder = spool_folder

    async def make(self, media_id: UUID) -> None:
        """From PROCESSING to READY, or to FAILED with a code; nothing happens in any other state."""
        async with self._database.read() as work:
            asset = await assets.find(work, media_id)
        if asset is None or asset.state is not AssetState.PROCESSING:
            return
        with TemporaryDirectory(dir=self._spool_folder) as name:
            folder = Path(name)
            outcome = await self._decode(asset, folder)
            DECODED.labels(asset.kind.value, outcome.failure or "ok").inc()
            made = [await self._store_file(asset, folder, file) for file in outcome.files]
        await self._settle(asset.id, outcome, tuple(made))

    async def fail(self, media_id: UUID, failure_code: str) -> None:
        """Give up: the owner reads FAILED with this code."""
        await self._settle(media_id, Outcome(failure=failure_code), ())

    async def _decode(self, asset: Asset, folder: Path) -> Outcome:
        source = folder / "source"
        with source.open("wb") as file:
            async for chunk in self._store.read(asset.storage_key):
                await asyncio.to_thread(file.write, chunk)
        if asset.kind is Purpose.VOICE:
            return await self._decoder.voice(source, folder, asset.content_type)
        is_square = asset.kind is Purpose.AVATAR
        return await self._decoder.images(source, folder, asset.content_type, is_square=is_square)

    async def _store_file(self, asset: Asset, folder: Path, file: Made) -> Rendition:
        data = await asyncio.to_thread((folder / file.name).read_bytes)
        key = keys.rendition_key(asset.owner_id, asset.id, file.name)
        await self._store.put_bytes(key, data, file.content_type)
        return Rendition(
            name=file.name,
            url="",  # known when it is settled: the capability may be another one by then
            content_type=file.content_type,
            width=file.width,
            height=file.height,
            size_bytes=len(data),
        )

    async def _settle(self, media_id: UUID, outcome: Outcome, made: tuple[Rendition, ...]) -> None:
        state = AssetState.FAILED if outcome.failure else AssetState.READY
        async with self._database.work() as work:
            asset = await assets.lock(work, media_id)
            if asset is None or not GRAPH.allows(asset.state, state):
                return
            changed = msgspec.structs.replace(
                asset,
                state=state,
                failure_code=outcome.failure,
                renditions=linked(asset, made),
                duration_ms=outcome.duration_ms,
                waveform=outcome.waveform,
                blurhash=outcome.blurhash,
                revision=asset.revision + 1,
            )
            await assets.update(work, changed)
            await work.emit(asset_changed(changed))
