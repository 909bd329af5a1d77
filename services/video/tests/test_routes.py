"""Bytes for players: whoever knows the playback id may watch, nobody else."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from daira_contracts.video import VideoState
from daira_testing import hls
from daira_testing.clips import Clip, make, sample
from daira_testing.waiting import eventually


@pytest.fixture
async def ready(running: Any, tmp_path: Path) -> Any:
    video_id = await running.upload(make(tmp_path / "a.mp4", Clip(seconds=1)))
    return await running.told(video_id, VideoState.READY)


async def test_anybody_with_the_playback_id_may_watch_without_a_token(running: Any, ready: Any) -> None:
    answer = await running.http.get(ready.hls_url)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_nothing_else_is_served(running: Any, ready: Any) -> None:
    names = [
        f"{'0' * 32}/master.m3u8",
        "%2e%2e/master.m3u8",
        f"{ready.video_id}/master.m3u8",
        f"{ready.playback_id}/144p/playlist.m3u8",
        f"{ready.playback_id}/360p/seg_99999.ts",
        f"{ready.playback_id}/360p/..%2f..%2foriginal",
        f"{ready.playback_id}/360p/poster.jpg",
        f"{ready.playback_id}/..%2fvideo.mp4/playlist.m3u8",
    ]

    statuses = {name: (await running.http.get(f"/media/videos/{name}")).status_code for name in names}

    assert statuses == dict.fromkeys(names, 404)


async def test_playlists_are_compressed_and_revalidated(running: Any, ready: Any) -> None:
    async with running.http.stream("GET", ready.hls_url, headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])

    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw).startswith(b"#EXTM3U")
    assert "no-cache" in answer.headers["cache-control"]
    again = await running.http.get(ready.hls_url, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_who_spares_data_gets_the_small_rungs_and_a_tenth_of_the_bytes(running: Any) -> None:
    video_id = await running.upload(sample())
    ready = await running.told(video_id, VideoState.READY)

    read = await running.fetch_all(ready.saver_url, "saver.m3u8")
    saver = hls.check(read, "saver.m3u8", saver=True)
    full = await running.checked(ready.hls_url)

    assert ready.saver_url == ready.hls_url.replace("master", "saver")
    assert [variant.uri for variant in saver.variants] == ["240p/playlist.m3u8", "360p/playlist.m3u8"]
    assert all(min(variant.shape()) <= 360 for variant in saver.variants)
    largest = max(variant.size for variant in full.variants)
    assert saver.variants[0].size <= 0.1 * largest, (saver.variants[0].size, saver.variants[1].size, largest)


async def test_segments_are_immutable_and_given_in_parts(running: Any, ready: Any) -> None:
    url = ready.hls_url.replace("master.m3u8", "360p/seg_00000.ts")
    whole = await running.http.get(url)

    middle = await running.http.get(url, headers={"Range": "bytes=100-199"})
    tail = await running.http.get(url, headers={"Range": "bytes=-188"})
    outside = await running.http.get(url, headers={"Range": f"bytes={len(whole.content)}-"})
    head = await running.http.head(url)

    assert whole.headers["content-type"] == "video/mp2t"
    assert "immutable" in whole.headers["cache-control"]
    assert (middle.status_code, middle.content) == (206, whole.content[100:200])
    assert middle.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    assert (tail.status_code, tail.content) == (206, whole.content[-188:])
    assert outside.status_code == 416
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(whole.content)


async def test_the_other_files_have_their_types(running: Any, ready: Any) -> None:
    for name, kind in (("video.mp4", "video/mp4"), ("poster.jpg", "image/jpeg"), ("poster.webp", "image/webp")):
        answer = await running.http.get(ready.hls_url.replace("master.m3u8", name))

        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_replaced_playback_id_stops_working_and_the_new_one_is_told(running: Any, ready: Any) -> None:
    await running.revoke(ready.video_id)

    async def gone() -> bool:
        return int((await running.http.get(ready.hls_url)).status_code) == 404

    await eventually(gone)
    told = await running.probe.wait_for(
        type(ready), lambda event: event.video_id == ready.video_id and event.revision > ready.revision
    )
    assert told.playback_id != ready.playback_id
    assert (await running.http.get(told.hls_url)).status_code == 200
