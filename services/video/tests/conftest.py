import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
import uvicorn

from daira_contracts.media import AssetChangedV1, AssetKind, AssetState
from daira_contracts.video import VideoChangedV1, VideoState
from daira_kit.ids import new_id
from daira_runtime import Process, open_process
from daira_stores.objects import open_objects
from daira_stores.postgres import Database
from daira_testing import hls
from daira_testing.topics import TopicProbe
from daira_testing.waiting import PATIENCE, eventually
from daira_video.service.urls import PlaybackUrls
from daira_video.service.video import VideoService
from daira_video.settings import Settings
from daira_video.wiring import build


class Running(msgspec.Struct, kw_only=True):
    """A whole video process on a real socket, seen from outside: topics in, topics and HTTP out."""

    process: Process
    http: httpx.AsyncClient
    probe: TopicProbe
    objects: Any
    person: UUID

    @property
    def video(self) -> VideoService:
        return self.process.parts.target  # type: ignore[return-value]

    @property
    def database(self) -> Database:
        return self.process.platform.database

    async def upload(self, path: Path) -> UUID:
        """As media does: the original in the bucket, then the event."""
        video_id = new_id()
        key = f"media/{self.person}/{video_id}/original"
        await self.objects.put_async(key, path)
        await self.probe.publish(self.asset(video_id, key))
        return video_id

    def asset(
        self, video_id: UUID, key: str, state: AssetState = AssetState.UPLOADED, **changes: Any
    ) -> AssetChangedV1:
        values: dict[str, Any] = {
            "media_id": video_id,
            "owner_id": self.person,
            "kind": AssetKind.VIDEO,
            "state": state,
            "storage_key": key,
            "content_type": "video/mp4",
            "size_bytes": 1,
        }
        return AssetChangedV1(**(values | changes))

    async def revoke(self, video_id: UUID) -> None:
        """Somebody knows its URL who may not."""
        urls = PlaybackUrls(self.video.purging)
        async with self.database.work() as work:
            video = await urls.lock(work, video_id)
            assert video is not None
            await urls.renew(work, video)

    async def told(self, video_id: UUID, *states: VideoState, within: float = PATIENCE) -> VideoChangedV1:
        return await self.probe.wait_for(
            VideoChangedV1, lambda event: event.video_id == video_id and event.state in states, within=within
        )

    async def stored(self, video_id: UUID) -> dict[str, str]:
        """Names of the files of a video, with their tags (the MD5 of what was put at once)."""
        prefix = f"video/{video_id}/"
        found = [meta async for batch in self.objects.list(prefix) for meta in batch]
        return {meta["path"].removeprefix(prefix): meta["e_tag"] for meta in found}

    async def fetch_all(self, hls_url: str, master: str = "master.m3u8") -> Callable[[str], bytes]:
        """Everything a player would fetch, for the validator."""
        base = hls_url.removesuffix(master)
        files: dict[str, bytes] = {}
        names = [master]
        while names:
            name = names.pop()
            answer = await self.http.get(base + name)
            assert answer.status_code == 200, (name, answer.text)
            files[name] = answer.content
            if name.endswith(".m3u8"):
                folder = name.rpartition("/")[0]
                lines = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
                names += [f"{folder}/{line}" if folder else line for line in lines]
        return files.__getitem__

    async def checked(self, hls_url: str) -> hls.StreamFacts:
        return hls.check(await self.fetch_all(hls_url))


Start = Callable[..., AbstractAsyncContextManager[Running]]


@asynccontextmanager
async def serve(app: Any) -> AsyncIterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        task = asyncio.create_task(server.serve(sockets=[listener]))

        async def started() -> bool:
            return server.started

        await eventually(started, every=0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@pytest.fixture
async def video_database(make_database: Any) -> Database:
    database: Database = await make_database("video")
    return database


@pytest.fixture
def make_settings(
    video_database: Database, common_settings: Any, stack: Any, tmp_path: Path
) -> Callable[..., Settings]:
    def make(**changes: Any) -> Settings:
        values = common_settings(video_database) | {
            "s3_endpoint": stack.s3_endpoint,
            "s3_access_key": stack.s3_access_key,
            "s3_secret_key": stack.s3_secret_key,
            "s3_bucket": stack.s3_bucket,
            "work_folder": str(tmp_path / "work"),
            "playback_cache_seconds": 0.2,
            "narrowing_settle_seconds": 0.2,
        }
        return Settings(**(values | changes))

    return make


@pytest.fixture
async def start(make_settings: Callable[..., Settings], probe: TopicProbe, stack: Any) -> Start:
    person = new_id()
    objects = open_objects(stack.s3_endpoint, stack.s3_access_key, stack.s3_secret_key, stack.s3_bucket)

    @asynccontextmanager
    async def starter(**changes: Any) -> AsyncIterator[Running]:
        async with (
            open_process("video", make_settings(**changes), build) as process,
            serve(process.app) as url,
            httpx.AsyncClient(base_url=url, timeout=60) as http,
        ):
            yield Running(process=process, http=http, probe=probe, objects=objects, person=person)

    return starter


@pytest.fixture
async def running(start: Start) -> AsyncIterator[Running]:
    async with start() as one:
        yield one
