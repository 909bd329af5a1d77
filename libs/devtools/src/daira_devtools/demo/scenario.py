"""The eleven steps of the main job."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from uuid import uuid4

import httpx
import msgspec

from daira_devtools.demo.client import UNEXPECTED, DemoFailed, JsonObject, Phone, exchange, understood
from daira_devtools.demo.people import introduce, log_in
from daira_devtools.demo.report import Report, Say
from daira_devtools.demo.tus import Upload
from daira_kit.clock import now
from daira_testing import hls

CHUNK = 256 * 1024
WATCHED_SECONDS = 5
CAPTION = "أول فيديو لنا على دايرة 🐰 #دايرة #أرنب_كبير #demo"
AUTHOR = ("+201000000101", "demo_author", "منى صاحبة الكاميرا")
FOLLOWER = ("+201000000102", "demo_follower", "كريم المتابع")
T = TypeVar("T")


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo made."""

    post_id: str
    media_id: str
    hls_url: str
    author_id: str
    follower_id: str


def play(base_url: str, video: bytes, report: Report) -> Outcome:
    """The whole scenario; raises DemoFailed at the first step that does not hold."""
    with _phones(base_url) as (author, follower), understood(author, follower):
        _accounts(report, author, follower)
        media_id = _upload(report, author, video)
        media = _transcode(report, author, media_id)
        post_id = _post(report, author, media_id)
        item = _circle(report, follower, post_id)
        _watch(report, follower, item, media)
        _events(report, follower, post_id)
        return Outcome(
            post_id=post_id,
            media_id=media_id,
            hls_url=item["post"]["video"]["hlsUrl"],
            author_id=author.user_id,
            follower_id=follower.user_id,
        )


def _accounts(report: Report, author: Phone, follower: Phone) -> None:
    for phone, (number, handle, name) in ((author, AUTHOR), (follower, FOLLOWER)):
        with report.step(f"{phone.name} logs in with {number}") as say:
            say(f"by {log_in(phone, number)}")
            introduce(phone, handle, name)
    with report.step("the follower follows the author") as say:
        say(follower.call("PUT", f"/v1/users/{author.user_id}/follow")["state"])


def _upload(report: Report, author: Phone, video: bytes) -> str:
    with report.step("the author uploads; the connection is cut once and resumed") as say:
        upload = Upload(author, video, filetype="video/mp4", purpose="VIDEO", filename="bunny.mp4")

        def progress(offset: int) -> None:
            say(f"{offset * 100 // len(video)} % of {len(video) / 1e6:.1f} MB")

        half = upload.send(CHUNK, progress, stop_at=len(video) // 2)
        upload.cut(half, CHUNK, CHUNK // 3)
        resumed = upload.offset()
        if not half <= resumed <= half + CHUNK // 3:
            raise DemoFailed(f"after the cut the server holds {resumed} bytes, expected {half} to {half + CHUNK // 3}")
        upload.send(CHUNK, progress)
        say(f"{len(video) / 1e6:.1f} MB, cut and resumed at {resumed / 1e6:.2f} MB")
        return upload.media_id


def _transcode(report: Report, author: Phone, media_id: str) -> JsonObject:
    with report.step("the video becomes a ladder") as say:

        def look() -> JsonObject | None:
            media = author.get(f"/v1/media/{media_id}")
            say(f"{media['state']} {media.get('progress') or 0} %")
            if media["state"] == "FAILED":
                raise DemoFailed(f"the video failed: {media.get('failureCode')}")
            return media if media["state"] == "READY" else None

        media = _until(look, within=180, what="the video to be READY", every=0.5)
        names = ", ".join(variant["name"] for variant in media["variants"])
        say(f"{media['width']}x{media['height']}, {media['durationMs'] / 1000:.1f} s as {names}")
        return media


def _post(report: Report, author: Phone, media_id: str) -> str:
    with report.step("the author posts it with an Arabic caption") as say:
        body = {"text": CAPTION, "mediaIds": [media_id], "visibility": "PUBLIC"}
        post = author.post("/v1/posts", body, **{"Idempotency-Key": str(uuid4())})
        say(post["state"])
        return str(post["id"])


def _circle(report: Report, follower: Phone, post_id: str) -> JsonObject:
    with report.step("it appears in the follower's Circle") as say:

        def look() -> JsonObject | None:
            items = follower.get("/v1/feed/circle")["items"]
            return next((item for item in items if item["post"]["id"] == post_id), None)

        item = _until(look, within=60, what="the post in the follower's Circle")
        if not {"دايرة", "demo"} <= set(item["post"]["hashtags"]):
            raise DemoFailed(f"hashtags are {item['post']['hashtags']}")
        say(f"by {item['author']['displayName']}, #{' #'.join(item['post']['hashtags'])}")
        return item


def _watch(report: Report, follower: Phone, item: JsonObject, media: JsonObject) -> None:
    with report.step("the stream the follower would play is complete and valid") as say:
        master = httpx.URL(follower.base_url).join(item["post"]["video"]["hlsUrl"])
        with httpx.Client(timeout=30, trust_env=False) as anonymous:  # the playback id is the capability

            def read(path: str) -> bytes:
                response = exchange(anonymous, "GET", master.join(path))
                if response.is_error:
                    raise DemoFailed(f"{path}: {response.status_code}")
                return response.content

            facts = _inspected(read)
        if facts.problems:
            raise DemoFailed("; ".join(facts.problems[:3]))
        if len(facts.variants) != len(media["variants"]):
            raise DemoFailed(f"{len(facts.variants)} rungs in the playlist, {len(media['variants'])} announced")
        size = sum(variant.size for variant in facts.variants)
        say(f"{len(facts.variants)} rungs, {size / 1e6:.1f} MB checked")


def _inspected(read: hls.Read) -> hls.StreamFacts:
    try:
        return hls.inspect(read)
    except UNEXPECTED as error:
        raise DemoFailed(f"the stream cannot be read: {error!r}") from error


def _events(report: Report, follower: Phone, post_id: str) -> None:
    with report.step("VIEW and WATCH are stored") as say:
        sent = [_event("VIEW", post_id), _event("WATCH", post_id, watchTime=WATCHED_SECONDS)]
        answer = follower.post("/v1/events", {"events": sent})
        if answer["accepted"] != len(sent):
            raise DemoFailed(f"rejected: {answer['rejected']}")

        def look() -> list[JsonObject] | None:
            items = {item["id"]: item for item in follower.get("/v1/users/me/events", limit=50)["items"]}
            return [items[event["id"]] for event in sent] if all(event["id"] in items for event in sent) else None

        view, watch = _until(look, within=30, what="the events")
        _same("the events", [view["eventType"], watch["eventType"]], ["VIEW", "WATCH"])
        _same("the post that was watched", [view["entityId"], watch["entityId"]], [post_id, post_id])
        _same("the time watched", watch["metadata"].get("watchTime"), WATCHED_SECONDS)
        say(f"read back from Cassandra, {WATCHED_SECONDS} s watched")


def _event(kind: str, post_id: str, **metadata: int) -> JsonObject:
    return {
        "id": str(uuid4()),
        "eventType": kind,
        "entityType": "VIDEO",
        "entityId": post_id,
        "source": "CIRCLE",
        "occurredAt": now().isoformat(),
        "metadata": metadata,
    }


def _same(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise DemoFailed(f"{what}: read back {found}, sent {wanted}")


def _until(look: Callable[[], T | None], *, within: float, what: str, every: float = 0.2) -> T:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(every)
    raise DemoFailed(f"waited {within:.0f} s for {what}")


@contextmanager
def _phones(base_url: str) -> Iterator[tuple[Phone, Phone]]:
    author, follower = Phone(base_url, "the author"), Phone(base_url, "the follower")
    try:
        yield author, follower
    finally:
        author.close()
        follower.close()


__all__ = ["Outcome", "Say", "play"]
