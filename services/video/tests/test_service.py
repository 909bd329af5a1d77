"""From the event of an upload to a stream that plays, on real stores."""

from pathlib import Path
from typing import Any
from uuid import UUID

from daira_contracts.auth import UserErasedV1
from daira_contracts.feed import PostChangedV1, PostState, Visibility
from daira_contracts.media import AssetKind, AssetState
from daira_contracts.video import ProgressReportedV1, VideoChangedV1, VideoState
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_testing.clips import Clip, make, sample
from daira_testing.waiting import eventually


async def events_of(running: Any, video_id: UUID) -> Any:
    events = [event for event in await running.probe.events(VideoChangedV1) if event.video_id == video_id]
    return sorted(events, key=lambda event: event.revision)


async def test_an_uploaded_video_becomes_a_stream_that_obeys_the_rules(running: Any) -> None:
    video_id = await running.upload(sample())

    ready = await running.told(video_id, VideoState.READY, VideoState.FAILED)

    facts = await running.checked(ready.hls_url)
    assert ready.failure_code is None
    assert [variant.name for variant in ready.variants] == ["240p", "360p", "480p", "720p"]
    assert {v.attributes["BANDWIDTH"] for v in facts.variants} == {str(v.bandwidth) for v in ready.variants}
    assert (ready.width, ready.height, ready.duration_ms) == (1280, 720, 5280)
    assert ready.blurhash
    mp4 = await running.http.get(ready.mp4_url)
    assert mp4.content[4:8] == b"ftyp"
    assert (await running.http.get(ready.poster_url)).headers["content-type"] == "image/jpeg"


async def test_every_state_is_told_once_in_order_and_playable_comes_before_the_ladder(running: Any) -> None:
    video_id = await running.upload(sample())

    await running.told(video_id, VideoState.READY)

    events = await events_of(running, video_id)
    assert [event.state.value for event in events] == ["PROBING", "PROCESSING", "PLAYABLE", "READY"]
    assert [event.revision for event in events] == [1, 2, 3, 4]
    assert [variant.name for variant in events[2].variants] == ["240p", "360p"]
    assert events[2].hls_url == events[3].hls_url
    assert events[0].hls_url is None
    reports = [report for report in await running.probe.events(ProgressReportedV1) if report.video_id == video_id]
    percents = [report.percent for report in reports]
    assert percents == sorted(percents)
    assert len(percents) >= 2


async def test_an_upload_told_twice_is_made_once(running: Any, tmp_path: Path) -> None:
    video_id = await running.upload(make(tmp_path / "a.mp4", Clip()))
    await running.told(video_id, VideoState.READY)

    await running.probe.publish(running.asset(video_id, "media/elsewhere", revision=1))
    other = await running.upload(make(tmp_path / "b.mp4", Clip()))
    await running.told(other, VideoState.READY)

    assert [event.state.value for event in await events_of(running, video_id)][-1] == "READY"
    assert len(await events_of(running, video_id)) == 4


async def test_images_are_none_of_our_business(running: Any, tmp_path: Path) -> None:
    image = new_id()
    await running.probe.publish(running.asset(image, "media/image", kind=AssetKind.IMAGE))
    video_id = await running.upload(make(tmp_path / "a.mp4", Clip()))
    await running.told(video_id, VideoState.READY)

    assert await events_of(running, image) == []


async def test_a_poison_file_ends_failed_with_its_reason_and_is_not_tried_again(running: Any, tmp_path: Path) -> None:
    junk = tmp_path / "junk.mp4"
    junk.write_bytes(b"I am a video, believe me. " * 100)

    video_id = await running.upload(junk)

    failed = await running.told(video_id, VideoState.FAILED)
    assert failed.failure_code == "not_media"
    assert failed.hls_url is None and failed.playback_id is None

    async def finished() -> bool:
        async with running.database.read() as work:
            return not await work.all("SELECT 1 FROM job WHERE key = %s", (str(video_id),))

    await eventually(finished)


async def test_an_original_that_is_not_there_ends_failed(running: Any) -> None:
    video_id = new_id()
    await running.probe.publish(running.asset(video_id, f"media/{video_id}/nothing"))

    assert (await running.told(video_id, VideoState.FAILED)).failure_code == "original_missing"


async def test_a_small_video_has_its_mp4_from_the_first_pass(running: Any, tmp_path: Path) -> None:
    video_id = await running.upload(make(tmp_path / "a.mp4", Clip()))

    ready = await running.told(video_id, VideoState.READY)

    assert [(variant.width, variant.height) for variant in ready.variants] == [(160, 120), (160, 120)]
    assert (await running.http.get(ready.mp4_url)).status_code == 200


async def test_a_removed_upload_is_withdrawn_everywhere(running: Any, tmp_path: Path) -> None:
    video_id = await running.upload(make(tmp_path / "a.mp4", Clip()))
    ready = await running.told(video_id, VideoState.READY)
    assert (await running.http.get(ready.hls_url)).status_code == 200

    await running.probe.publish(running.asset(video_id, "x", AssetState.REMOVED, revision=2))
    await running.told(video_id, VideoState.REMOVED)

    async def withdrawn() -> Any:
        gone = (await running.http.get(ready.hls_url)).status_code == 404
        return gone and not await running.stored(video_id)

    await eventually(withdrawn)
    records = await running.probe.records(VideoChangedV1.topic)
    assert [r.value for r in records if r.key == str(video_id).encode()][-1] is None


async def test_an_erased_person_leaves_neither_rows_nor_bytes_and_late_uploads_are_refused(
    running: Any, tmp_path: Path
) -> None:
    video_id = await running.upload(make(tmp_path / "a.mp4", Clip()))
    await running.told(video_id, VideoState.READY)

    await running.probe.publish(UserErasedV1(user_id=running.person, erased_at=now()))

    async def erased() -> Any:
        async with running.database.read() as work:
            rows = await work.all("SELECT 1 FROM video WHERE owner_id = %s", (running.person,))
            return not rows and not await running.stored(video_id)

    await eventually(erased)
    late = await running.upload(make(tmp_path / "b.mp4", Clip()))
    stranger = new_id()
    await running.probe.publish(running.asset(stranger, "media/none", owner_id=new_id()))
    await running.told(stranger, VideoState.FAILED)
    assert await events_of(running, late) == []


def post_of(running: Any, video_id: UUID, revision: Any, state: Any = PostState.PUBLISHED, **changes: Any) -> Any:
    values = {
        "revision": revision,
        "author_id": running.person,
        "state": state,
        "content_revision": 1,
        "text": "مرحبا",
        "media_ids": (video_id,),
        "created_at": now(),
    }
    return PostChangedV1(**(values | changes))


async def test_the_url_changes_when_fewer_people_may_watch_and_only_then(running: Any, tmp_path: Path) -> None:
    post_id, stranger = new_id(), new_id()
    video_id = await running.upload(make(tmp_path / "a.mp4", Clip()))
    first = await running.told(video_id, VideoState.READY)

    async def say(revision: Any, **changes: Any) -> None:
        await running.probe.publish(post_of(running, video_id, revision, **({"post_id": post_id} | changes)))

    async def newer(event: Any) -> Any:
        return await running.probe.wait_for(
            VideoChangedV1, lambda other: other.video_id == video_id and other.revision > event.revision
        )

    await say(1, state=PostState.PROCESSING)
    await say(2)
    await say(3, post_id=stranger, author_id=stranger)
    await say(4, post_id=stranger, author_id=stranger, state=PostState.REMOVED)
    await say(3, visibility=Visibility.FOLLOWERS)
    second = await newer(first)
    await say(4, state=PostState.REMOVED, media_ids=(), visibility=Visibility.FOLLOWERS)
    third = await newer(second)
    await say(2)

    assert len({first.hls_url, second.hls_url, third.hls_url}) == 3
    assert third.revision == first.revision + 2

    async def only_the_last_plays() -> bool:
        answers = [(await running.http.get(event.hls_url)).status_code for event in (first, second, third)]
        return answers == [404, 404, 200]

    await eventually(only_the_last_plays)


async def test_a_video_in_another_public_post_keeps_its_url(running: Any, tmp_path: Path) -> None:
    one, other = new_id(), new_id()
    video_id = await running.upload(make(tmp_path / "a.mp4", Clip()))
    ready = await running.told(video_id, VideoState.READY)

    for post_id in (one, other):
        await running.probe.publish(post_of(running, video_id, 1, post_id=post_id))
    await running.probe.publish(post_of(running, video_id, 2, PostState.REMOVED, post_id=one))

    async def noted() -> bool:
        async with running.database.read() as work:
            rows = await work.all("SELECT audience FROM shown WHERE video_id = %s ORDER BY audience", (video_id,))
            return [row["audience"] for row in rows] == [0, 2]

    await eventually(noted)
    assert (await running.http.get(ready.hls_url)).status_code == 200
    assert len(await events_of(running, video_id)) == 4
