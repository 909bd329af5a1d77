import io
import math
from array import array
from typing import Any
from uuid import UUID

import av
import pillow_heif
import pytest
from PIL import Image

from daira_contracts.auth import UserErasedV1
from daira_contracts.media import AssetChangedV1, AssetState
from daira_contracts.video import ProgressReportedV1, Variant, VideoChangedV1, VideoState
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_testing.waiting import eventually

MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\0" * 1000
RED, BLUE = (220, 10, 10), (10, 10, 220)
ORIENTATION, GPS = 0x0112, 0x8825


def photo(kind: str = "JPEG", size: tuple[int, int] = (1600, 1200), orientation: int = 1) -> bytes:
    """The left half red, the right half blue, with a place in its metadata."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, size[0], size[1]))
    exif = image.getexif()
    exif[ORIENTATION] = orientation
    exif[GPS] = {1: "N", 2: (30.0, 2.0, 40.0)}
    buffer = io.BytesIO()
    image.save(buffer, kind, exif=exif)
    return buffer.getvalue()


def voice(seconds: float = 2.0, container: str = "ipod", codec: str = "aac") -> bytes:
    """A tone that grows louder."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=48000, layout="mono")
        total = int(seconds * 48000)
        for start in range(0, total, 960):
            tone = [math.sin((start + n) * 0.06) * start / total for n in range(960)]
            frame = av.AudioFrame(format="fltp", layout="mono", samples=960)
            frame.planes[0].update(array("f", tone).tobytes())
            frame.sample_rate, frame.pts = 48000, start
            resampled = av.AudioResampler(format=stream.format, layout="mono", rate=48000).resample(frame)
            output.mux(stream.encode(resampled[0]))
        output.mux(stream.encode(None))
    return buffer.getvalue()


async def upload(running: Any, data: bytes, **headers: str) -> str:
    path = await running.created(len(data), **headers)
    answer = await running.patch(path, 0, data)
    assert answer.status_code == 204, answer.text
    return str(path.rpartition("/")[2])


async def settled(running: Any, media_id: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        answer = await running.http.get(f"/v1/media/{media_id}", headers=running.auth())
        assert answer.status_code == 200
        return answer.json() if answer.json()["state"] in {"READY", "FAILED"} else None

    found = await eventually(look)
    assert found
    return found


AVATAR = {"Upload_Metadata": "purpose QVZBVEFS"}
VOICE = {"Upload_Metadata": "purpose Vk9JQ0U="}


async def test_nobody_reads_media_without_a_token(running: Any) -> None:
    assert (await running.http.get(f"/v1/media/{new_id()}")).status_code == 401


async def test_a_photo_becomes_upright_webp_without_metadata(running: Any, probe: Any) -> None:
    media_id = await upload(running, photo(orientation=6))

    seen = await settled(running, media_id)

    assert (seen["state"], seen["kind"], seen["progress"]) == ("READY", "IMAGE", 100)
    assert 20 <= len(seen["blurhash"]) <= 40
    assert [variant["name"] for variant in seen["variants"]] == ["1080.webp", "480.webp", "160.webp"]
    for variant in seen["variants"]:
        answer = await running.http.get(variant["url"])
        assert answer.headers["content-type"] == "image/webp"
        assert "immutable" in answer.headers["cache-control"]
        image = Image.open(io.BytesIO(answer.content))
        assert (image.width, image.height) == (variant["width"], variant["height"])
        assert image.height > image.width
        assert not image.getexif()
        assert b"EXIF" not in answer.content
        top: Any = image.convert("RGB").getpixel((image.width // 2, image.height // 4))
        assert top[0] > 150 > top[2]
    event = await probe.wait_for(
        AssetChangedV1, lambda event: str(event.media_id) == media_id and event.state is AssetState.READY
    )
    assert event.revision == 2
    assert len(event.renditions) == 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "HEIF"])
async def test_other_kinds_of_pictures_are_accepted(running: Any, kind: Any) -> None:
    pillow_heif.register_heif_opener()

    seen = await settled(running, await upload(running, photo(kind, (640, 480))))

    assert seen["state"] == "READY"


async def test_an_avatar_is_a_square(running: Any) -> None:
    seen = await settled(running, await upload(running, photo(), **AVATAR))

    assert {(variant["width"], variant["height"]) for variant in seen["variants"]} == {
        (1080, 1080),
        (480, 480),
        (160, 160),
    }


async def test_a_pixel_bomb_is_refused(running: Any) -> None:
    buffer = io.BytesIO()
    Image.new("1", (16000, 16000)).save(buffer, "PNG", optimize=True)

    seen = await settled(running, await upload(running, buffer.getvalue()))

    assert (seen["state"], seen["failureCode"]) == ("FAILED", "image_too_large")


async def test_a_truncated_picture_fails_with_a_reason(running: Any) -> None:
    seen = await settled(running, await upload(running, photo()[:2000]))

    assert (seen["state"], seen["failureCode"]) == ("FAILED", "image_broken")


@pytest.mark.parametrize(("container", "codec"), [("ipod", "aac"), ("ogg", "libopus"), ("webm", "libopus")])
async def test_a_voice_note_plays_everywhere_and_can_be_drawn(running: Any, container: Any, codec: Any) -> None:
    seen = await settled(running, await upload(running, voice(2.0, container, codec), **VOICE))

    assert (seen["state"], seen["kind"]) == ("READY", "VOICE")
    assert 1900 <= seen["durationMs"] <= 2200
    assert len(seen["waveform"]) == 64
    assert seen["waveform"][60] > seen["waveform"][10]
    for variant in seen["variants"]:
        answer = await running.http.get(variant["url"])
        assert answer.headers["content-type"] == variant["contentType"]
        with av.open(io.BytesIO(answer.content)) as container_:
            assert container_.streams.audio[0].codec_context.name in {"aac", "opus", "libopus"}


async def test_a_voice_note_of_more_than_a_minute_is_refused(running: Any) -> None:
    seen = await settled(running, await upload(running, voice(63.0), **VOICE))

    assert (seen["state"], seen["failureCode"]) == ("FAILED", "voice_too_long")


async def test_bytes_are_served_in_ranges(running: Any) -> None:
    seen = await settled(running, await upload(running, voice(2.0), **VOICE))
    url = seen["variants"][0]["url"]
    whole = (await running.http.get(url)).content

    part = await running.http.get(url, headers={"Range": "bytes=10-19"})
    tail = await running.http.get(url, headers={"Range": "bytes=-5"})
    outside = await running.http.get(url, headers={"Range": "bytes=99999999-"})
    head = await running.http.head(url)
    again = await running.http.get(url, headers={"If-None-Match": head.headers["etag"]})

    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole)}"
    assert tail.content == whole[-5:]
    assert outside.status_code == 416
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(whole)))
    assert again.status_code == 304


async def test_an_unknown_capability_is_not_found(running: Any) -> None:
    answer = await running.http.get("/media/images/AAAAAAAAAAAAAAAAAAAAAA/480.webp")

    assert answer.status_code == 404
    assert answer.json()["code"] == "media_not_found"


async def test_the_owner_follows_a_video_and_nobody_else(running: Any, probe: Any) -> None:
    media_id = await upload(running, MP4)
    video = UUID(media_id)
    common = {"video_id": video, "owner_id": running.person}

    await probe.publish(
        VideoChangedV1(**common, revision=1, state=VideoState.PROCESSING),
        ProgressReportedV1(**common, percent=40, stage="360p"),
    )

    async def look() -> Any:
        answer = await running.http.get(f"/v1/media/{media_id}", headers=running.auth())
        return answer if answer.json()["progress"] == 40 else None

    working = await eventually(look)
    assert working.json()["state"] == "PROCESSING"
    assert working.headers["retry-after"]

    variant = Variant(
        name="360p", width=360, height=640, bandwidth=700_000, average_bandwidth=600_000, codecs="avc1.64001e"
    )
    done = VideoChangedV1(
        **common,
        revision=3,
        state=VideoState.READY,
        hls_url="/media/videos/x/master.m3u8",
        duration_ms=5300,
        width=360,
        height=640,
        variants=(variant,),
    )
    late = VideoChangedV1(**common, revision=2, state=VideoState.PLAYABLE)
    await probe.publish(done, late)
    seen = await settled(running, media_id)
    assert (seen["state"], seen["progress"], seen["hlsUrl"]) == ("READY", 100, "/media/videos/x/master.m3u8")
    assert seen["variants"][0]["bandwidth"] == 700_000
    foreign = await running.http.get(f"/v1/media/{media_id}", headers=running.auth(new_id()))
    assert foreign.status_code == 404


async def test_a_failed_video_says_why(running: Any, probe: Any) -> None:
    media_id = await upload(running, MP4)
    event = VideoChangedV1(
        video_id=UUID(media_id), owner_id=running.person, state=VideoState.FAILED, failure_code="no_video_stream"
    )

    await probe.publish(event)

    assert (await settled(running, media_id))["failureCode"] == "no_video_stream"


async def test_an_unchanged_answer_is_304(running: Any) -> None:
    media_id = await upload(running, MP4)
    first = await running.http.get(f"/v1/media/{media_id}", headers=running.auth())

    again = await running.http.get(
        f"/v1/media/{media_id}", headers=running.auth() | {"If-None-Match": first.headers["etag"]}
    )

    assert again.status_code == 304


async def test_what_is_being_uploaded_is_not_yet_visible_to_its_owner_and_unknown_to_others(running: Any) -> None:
    media_id = (await running.created(20_000_000)).rpartition("/")[2]

    own = await running.http.get(f"/v1/media/{media_id}", headers=running.auth())
    foreign = await running.http.get(f"/v1/media/{media_id}", headers=running.auth(new_id()))

    assert (own.status_code, own.json()["code"], own.headers["retry-after"]) == (404, "not_yet_visible", "1")
    assert (foreign.status_code, foreign.json()["code"]) == (404, "media_not_found")


async def test_after_an_erasure_nothing_of_the_person_is_left(running: Any, probe: Any) -> None:
    person = new_id()
    running.person = person
    media_id = await upload(running, photo())
    seen = await settled(running, media_id)
    unfinished = await running.created(20_000_000)
    await running.patch(unfinished, 0, MP4 + b"\0" * 9_000_000)

    await probe.publish(UserErasedV1(user_id=person, erased_at=now()))

    async def is_gone() -> bool:
        answer = await running.http.get(f"/v1/media/{media_id}", headers=running.auth())
        store = running.media.uploads._store
        left = await store._list(f"media/{person}/")
        begun = await store.multipart.begun(f"media/{person}/")
        return answer.status_code == 404 and not left and not begun

    assert await eventually(is_gone)
    assert (await running.http.get(seen["variants"][0]["url"])).status_code == 404
    assert (await running.head(unfinished)).status_code == 404
    assert (await running.create(10)).status_code == 410

    async def has_tombstone() -> bool:
        records = await probe.records(AssetChangedV1.topic)
        return any(record.value is None and record.key == media_id.encode() for record in records)

    assert await eventually(has_tombstone)


async def test_the_openapi_document_can_be_made(running: Any) -> None:
    document = (await running.http.get("/openapi.json")).json()

    operations = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert {"CreateUpload", "WriteUpload", "ReadMedia"} <= set(operations)
    assert len(operations) == len(set(operations))
