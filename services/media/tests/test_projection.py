"""What video tells: live state = rebuilt state, whatever arrives twice or late."""

import random
from typing import Any
from uuid import UUID

from daira_contracts._event import Event
from daira_contracts.video import ProgressReportedV1, Variant, VideoChangedV1, VideoState
from daira_kit.ids import new_id
from daira_media.handlers import SUBSCRIPTIONS
from daira_media.service.assets import Assets
from daira_media.service.media import MediaService
from daira_stores.postgres import Database

ROWS = (
    "SELECT * FROM video ORDER BY id",
    "SELECT id, owner_id, percent, stage FROM video_progress ORDER BY id",
)
VARIANT = Variant(name="360p", width=360, height=640, bandwidth=7, average_bandwidth=6, codecs="avc1")


def story(video: UUID, owner: UUID) -> list[Event]:
    """One video from the first probe to the last rung."""
    common: dict[str, Any] = {"video_id": video, "owner_id": owner}
    return [
        VideoChangedV1(**common, revision=1, state=VideoState.PROBING),
        VideoChangedV1(**common, revision=2, state=VideoState.PROCESSING),
        ProgressReportedV1(**common, percent=10, stage="360p"),
        VideoChangedV1(**common, revision=3, state=VideoState.PLAYABLE, hls_url="/x", variants=(VARIANT,)),
        ProgressReportedV1(**common, percent=80, stage="720p"),
        VideoChangedV1(**common, revision=4, state=VideoState.READY, hls_url="/x", variants=(VARIANT, VARIANT)),
    ]


async def fold(database: Database, events: list[Event]) -> list[Any]:
    """The tables after these events, handled without an inbox: the handlers themselves must bear repetition."""
    media = MediaService(
        uploads=None,  # type: ignore[arg-type]
        writing=None,  # type: ignore[arg-type]
        joining=None,  # type: ignore[arg-type]
        completing=None,  # type: ignore[arg-type]
        assets=Assets(database, None, None, limit_seconds=0),  # type: ignore[arg-type]
        audiences=None,  # type: ignore[arg-type]
        circles=None,  # type: ignore[arg-type]
        renditions=None,  # type: ignore[arg-type]
        exports=None,  # type: ignore[arg-type]
        purging=None,  # type: ignore[arg-type]
    )
    handlers = {subscription.event_type: subscription.handler for subscription in SUBSCRIPTIONS}
    async with database.work() as work:
        await work.execute("TRUNCATE video, video_progress")
    for event in events:
        async with database.work() as work:
            await handlers[type(event)](event, work, media)
    async with database.read() as work:
        return [await work.all(question) for question in ROWS]


async def test_the_projection_is_the_same_live_replayed_doubled_and_shuffled_between_keys(make_database: Any) -> None:
    database = await make_database("media")
    stories = [story(new_id(), new_id()) for _ in range(3)]
    live = [event for step in zip(*stories, strict=True) for event in step]
    once = await fold(database, live)

    doubled = [event for event in live for _ in range(2)]
    by_key = [event for one in stories for event in one]
    late = [*live, *random.Random(3).sample(live, len(live))]

    assert len(once[0]) == 3
    assert {row["state"] for row in once[0]} == {"READY"}
    assert {row["percent"] for row in once[1]} == {80}
    assert await fold(database, doubled) == once
    assert await fold(database, by_key) == once
    assert await fold(database, late) == once
