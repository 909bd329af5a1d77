"""Posts with images and videos: they may be made before their media are known here."""

from typing import Any
from uuid import UUID

import pytest

from daira_contracts.media import AssetChangedV1, AssetKind, AssetState, Rendition
from daira_contracts.moderation import Decision
from daira_contracts.user import DataSaver, SettingsChangedV1
from daira_contracts.video import Variant, VideoChangedV1, VideoState
from daira_kit.ids import new_id

LADDER = tuple(
    Variant(name=name, width=width, height=height, bandwidth=rate, average_bandwidth=rate, codecs="avc1,mp4a")
    for name, width, height, rate in (
        ("192k", 240, 426, 190_000),
        ("360p", 360, 640, 600_000),
        ("720p", 720, 1280, 2_600_000),
    )
)


def asset(owner: UUID, media_id: UUID, kind: AssetKind = AssetKind.VIDEO, **fields: Any) -> AssetChangedV1:
    return AssetChangedV1(
        media_id=media_id,
        owner_id=owner,
        kind=kind,
        storage_key=f"media/{media_id}",
        content_type="video/mp4",
        size_bytes=1,
        **{"state": AssetState.UPLOADED, **fields},
    )


def video(owner: UUID, video_id: UUID, state: VideoState = VideoState.PLAYABLE, **fields: Any) -> VideoChangedV1:
    playing = {
        "hls_url": "/media/videos/secret/master.m3u8",
        "saver_url": "/media/videos/secret/saver.m3u8",
        "mp4_url": "/media/videos/secret/720p.mp4",
        "poster_url": "/media/videos/secret/poster.webp",
        "duration_ms": 10_000,
        "width": 720,
        "height": 1280,
        "variants": LADDER,
    }
    return VideoChangedV1(video_id=video_id, owner_id=owner, state=state, **{**playing, **fields})


async def state_of(feed: Any, post_id: str, state: str) -> None:
    await feed.sql_until("SELECT 1 FROM post WHERE id = %s AND state = %s", UUID(post_id), state)
    await feed.settled()


async def test_a_video_post_is_published_when_approved_and_playable(any_feed: Any) -> None:
    author, reader, media_id = await any_feed.person(), await any_feed.person(), new_id()
    await any_feed.follow(reader, author)
    await any_feed.circle(reader)
    post = await any_feed.post(author, "فيديو #دايرة", mediaIds=[str(media_id)])
    assert [(one["id"], one["state"]) for one in post["media"]] == [(str(media_id), "PROCESSING")]

    await any_feed.verdict(post["id"], Decision.APPROVED)
    await any_feed.probe.publish(asset(author, media_id))
    await any_feed.sql_until("SELECT 1 FROM asset WHERE media_id = %s", media_id)
    assert (await any_feed.read(author, post["id"])).json()["state"] == "PROCESSING"
    await any_feed.probe.publish(video(author, media_id))
    await state_of(any_feed, post["id"], "PUBLISHED")

    (item,) = (await any_feed.circle(reader))["items"]
    assert item["post"]["video"] == {
        "id": str(media_id),
        "hlsUrl": "/media/videos/secret/master.m3u8",
        "mp4Url": "/media/videos/secret/720p.mp4",
        "posterUrl": "/media/videos/secret/poster.webp",
        "blurhash": None,
        "durationMs": 10_000,
        "width": 720,
        "height": 1280,
        "autoPlay": True,
        "preloadCount": 3,
    }
    assert item["post"]["media"][0]["kind"] == "VIDEO"


async def test_the_video_may_arrive_before_its_asset_and_before_the_post(feed: Any) -> None:
    author, media_id = await feed.person(), new_id()
    await feed.probe.publish(video(author, media_id, VideoState.READY))
    await feed.sql_until("SELECT 1 FROM video WHERE video_id = %s", media_id)

    post = await feed.post(author, "", mediaIds=[str(media_id)])
    await feed.verdict(post["id"], Decision.APPROVED)

    await state_of(feed, post["id"], "PUBLISHED")


async def test_cards_follow_the_video_as_its_ladder_grows(any_feed: Any) -> None:
    author, reader, media_id = await any_feed.person(), await any_feed.person(), new_id()
    await any_feed.follow(reader, author)
    await any_feed.probe.publish(video(author, media_id, mp4_url=None))
    await any_feed.sql_until("SELECT 1 FROM video WHERE video_id = %s", media_id)
    await any_feed.published(author, "growing", mediaIds=[str(media_id)])
    assert (await any_feed.circle(reader))["items"][0]["post"]["video"]["mp4Url"] is None

    await any_feed.probe.publish(video(author, media_id, VideoState.READY, revision=2))
    await any_feed.sql_until("SELECT 1 FROM video WHERE video_id = %s AND revision = 2", media_id)
    await any_feed.settled()

    assert (await any_feed.circle(reader))["items"][0]["post"]["video"]["mp4Url"] == "/media/videos/secret/720p.mp4"


async def test_foreign_media_are_refused_on_arrival(feed: Any) -> None:
    author, owner, media_id = await feed.person(), await feed.person(), new_id()
    post = await feed.post(author, "mine?", mediaIds=[str(media_id)])

    await feed.probe.publish(asset(owner, media_id))

    await state_of(feed, post["id"], "REJECTED")
    assert (await feed.read(author, post["id"])).json()["rejectCode"] == "media_not_found"


async def test_naming_other_peoples_media_shows_nothing_of_them(feed: Any) -> None:
    author, owner, media_id = await feed.person(), await feed.person(), new_id()
    await feed.probe.publish(asset(owner, media_id), video(owner, media_id))
    await feed.sql_until("SELECT 1 FROM video JOIN asset ON media_id = video_id WHERE video_id = %s", media_id)
    own = await feed.post(author, "mine?")

    post = await feed.post(author, "mine?", mediaIds=[str(media_id)])
    change, headers = {"mediaIds": [str(media_id)]}, feed.mint.headers(author)
    edited = await feed.client.patch(f"/v1/posts/{own['id']}", json=change, headers=headers)

    for answer in (post, edited.json(), (await feed.read(author, post["id"])).json()):
        assert answer["video"] is None
        assert [(one["kind"], one["renditions"]) for one in answer["media"]] == [("UNKNOWN", [])]


async def test_media_nobody_has_heard_of_are_given_up_after_the_wait(feed: Any) -> None:
    author, media_id = await feed.person(), new_id()
    post = await feed.post(author, "where is it", mediaIds=[str(media_id)])
    await feed.verdict(post["id"], Decision.APPROVED)
    await feed.settled()
    assert (await feed.read(author, post["id"])).json()["state"] == "PROCESSING"

    await feed.sql("UPDATE post SET created_at = created_at - interval '601 seconds' WHERE id = %s", UUID(post["id"]))
    await feed.sql("UPDATE job SET due_at = clock_timestamp() WHERE kind = 'media-deadline' AND key = %s", post["id"])

    await state_of(feed, post["id"], "REJECTED")
    assert (await feed.read(author, post["id"])).json()["rejectCode"] == "media_not_found"
    await feed.probe.publish(video(author, media_id))
    await feed.sql_until("SELECT 1 FROM video WHERE video_id = %s", media_id)
    assert (await feed.read(author, post["id"])).json()["state"] == "REJECTED"


async def test_a_slow_transcode_is_waited_for_beyond_the_wait(feed: Any) -> None:
    author, media_id = await feed.person(), new_id()
    post = await feed.post(author, "slow", mediaIds=[str(media_id)])
    await feed.probe.publish(asset(author, media_id), video(author, media_id, VideoState.PROCESSING))
    await feed.verdict(post["id"], Decision.APPROVED)
    await feed.sql_until("SELECT 1 FROM content WHERE post_id = %s AND decision = 'APPROVED'", UUID(post["id"]))
    await feed.sql_until("SELECT 1 FROM video WHERE video_id = %s", media_id)

    await feed.sql("UPDATE post SET created_at = created_at - interval '601 seconds' WHERE id = %s", UUID(post["id"]))
    await feed.sql("UPDATE job SET due_at = clock_timestamp() WHERE kind = 'media-deadline' AND key = %s", post["id"])
    await feed.settled()

    assert (await feed.read(author, post["id"])).json()["state"] == "PROCESSING"


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (lambda owner, media_id: asset(owner, media_id, state=AssetState.FAILED, failure_code="junk"), "media_failed"),
        (lambda owner, media_id: video(owner, media_id, VideoState.FAILED), "media_failed"),
        (lambda owner, media_id: asset(owner, media_id, state=AssetState.REMOVED), "media_not_found"),
        (lambda owner, media_id: asset(owner, media_id, AssetKind.VOICE), "media_kind"),
    ],
)
async def test_media_that_cannot_be_shown_reject_the_post(feed: Any, told: Any, code: str) -> None:
    author, media_id = await feed.person(), new_id()
    post = await feed.post(author, "broken", mediaIds=[str(media_id)])

    await feed.probe.publish(told(author, media_id))

    await state_of(feed, post["id"], "REJECTED")
    assert (await feed.read(author, post["id"])).json()["rejectCode"] == code


async def test_an_image_post_waits_for_its_renditions(feed: Any) -> None:
    author, media_id = await feed.person(), new_id()
    post = await feed.post(author, "صورة", mediaIds=[str(media_id)])
    await feed.verdict(post["id"], Decision.APPROVED)
    await feed.probe.publish(asset(author, media_id, AssetKind.IMAGE, state=AssetState.PROCESSING))
    ready = Rendition(name="480", url="/media/images/x/480.webp", content_type="image/webp", width=480, height=640)
    await feed.probe.publish(
        asset(author, media_id, AssetKind.IMAGE, state=AssetState.READY, renditions=(ready,), revision=2, blurhash="L0")
    )

    await state_of(feed, post["id"], "PUBLISHED")
    (shown,) = (await feed.read(author, post["id"])).json()["media"]
    assert (shown["kind"], shown["width"], shown["height"], shown["blurhash"]) == ("IMAGE", 480, 640, "L0")
    assert shown["renditions"][0]["url"] == "/media/images/x/480.webp"


async def test_older_news_of_a_medium_changes_nothing(feed: Any) -> None:
    author, media_id = await feed.person(), new_id()
    await feed.probe.publish(video(author, media_id, VideoState.READY, revision=5))
    await feed.probe.publish(video(author, media_id, VideoState.FAILED, revision=4))
    await feed.probe.publish(video(author, media_id, VideoState.READY, revision=6))
    await feed.sql_until("SELECT 1 FROM video WHERE video_id = %s AND revision = 6", media_id)

    await feed.published(author, "still here", mediaIds=[str(media_id)])


async def test_a_video_that_goes_away_leaves_the_text(any_feed: Any) -> None:
    author, reader, media_id = await any_feed.person(), await any_feed.person(), new_id()
    await any_feed.follow(reader, author)
    await any_feed.probe.publish(video(author, media_id))
    await any_feed.sql_until("SELECT 1 FROM video WHERE video_id = %s", media_id)
    await any_feed.published(author, "text stays", mediaIds=[str(media_id)])
    assert (await any_feed.circle(reader))["items"][0]["post"]["video"]

    await any_feed.probe.publish(video(author, media_id, VideoState.REMOVED, revision=2))
    await any_feed.sql_until("SELECT 1 FROM video WHERE video_id = %s AND revision = 2", media_id)
    await any_feed.settled()

    (item,) = (await any_feed.circle(reader))["items"]
    assert (item["post"]["text"], item["post"]["video"], item["post"]["media"]) == ("text stays", None, [])


@pytest.mark.parametrize(
    ("setting", "headers", "saves"),
    [
        (None, {}, False),
        (None, {"Save-Data": "on"}, True),
        (DataSaver.ALWAYS, {}, True),
        (DataSaver.NEVER, {"Network-Type": "cellular"}, False),
        (DataSaver.CELLULAR, {"Network-Type": "cellular"}, True),
        (DataSaver.CELLULAR, {"Network-Type": "wifi"}, False),
    ],
)
async def test_data_saver_gives_at_most_360p_and_no_autoplay(
    any_feed: Any, setting: DataSaver | None, headers: dict[str, str], saves: bool
) -> None:
    author, reader, media_id = await any_feed.person(), await any_feed.person(), new_id()
    await any_feed.follow(reader, author)
    await any_feed.circle(reader)
    if setting is not None:
        await any_feed.probe.publish(SettingsChangedV1(user_id=reader, data_saver=setting))
        await any_feed.sql_until("SELECT 1 FROM reader WHERE user_id = %s AND settings_revision = 1", reader)
    await any_feed.probe.publish(video(author, media_id))
    await any_feed.sql_until("SELECT 1 FROM video WHERE video_id = %s", media_id)
    post_id = await any_feed.published(author, "clip", mediaIds=[str(media_id)])

    in_circle = (await any_feed.circle(reader, **headers))["items"][0]["post"]["video"]
    alone = (await any_feed.read(reader, post_id, **headers)).json()["video"]

    assert in_circle == alone
    assert (in_circle["autoPlay"], in_circle["preloadCount"]) == ((False, 1) if saves else (True, 3))
    assert in_circle["hlsUrl"].endswith("/saver.m3u8" if saves else "/master.m3u8")
