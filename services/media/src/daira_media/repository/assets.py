"""Rows of assets and of what video tells about them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from daira_audience.domain import Audience, Narrowing
from daira_contracts.video import ProgressReportedV1, VideoChangedV1
from daira_media.domain.assets import Asset, Variant, Video
from daira_stores.arrays import columns_of
from daira_stores.work import Work

COLUMNS = """id, owner_id, kind, state, storage_key, content_type, size_bytes, capability, failure_code, renditions,
    duration_ms, waveform, blurhash, revision"""
INSERT = f"""
INSERT INTO asset ({COLUMNS})
VALUES (%(id)s, %(owner_id)s, %(kind)s, %(state)s, %(storage_key)s, %(content_type)s, %(size_bytes)s, %(capability)s,
    %(failure_code)s, %(renditions)s, %(duration_ms)s, %(waveform)s, %(blurhash)s, %(revision)s)
"""  # noqa: S608 - COLUMNS is a constant
UPDATE = """
UPDATE asset SET state = %(state)s, capability = %(capability)s, failure_code = %(failure_code)s,
    renditions = %(renditions)s, duration_ms = %(duration_ms)s, waveform = %(waveform)s, blurhash = %(blurhash)s,
    revision = %(revision)s, updated_at = clock_timestamp(),
    capability_since = CASE WHEN capability <> %(capability)s THEN clock_timestamp() ELSE capability_since END
WHERE id = %(id)s
"""
FIND = f"SELECT {COLUMNS} FROM asset WHERE id = %s"  # noqa: S608
LOCK = f"SELECT {COLUMNS} FROM asset WHERE id = %s FOR UPDATE"  # noqa: S608
WIDEST = "(SELECT max(audience) FROM shown WHERE shown.media_id = asset.id AND shown.author_id = asset.owner_id)"
FIND_BY_CAPABILITY = f"""
SELECT {COLUMNS} FROM asset WHERE capability = %(capability)s AND state = 'READY' AND NOT EXISTS (
    SELECT FROM narrowing
    WHERE author_id = asset.owner_id AND first_at < clock_timestamp() - make_interval(secs => %(limit)s)
        AND asset.capability_since < first_at AND (is_of_all OR {WIDEST} = %(followers)s))
"""  # noqa: S608
LOCK_EXPOSED = f"""
SELECT {COLUMNS} FROM asset
WHERE owner_id = %(author_id)s AND id > %(after)s AND kind IN ('IMAGE', 'VOICE') AND capability_since < %(last_at)s
    AND (%(is_of_all)s OR {WIDEST} = %(followers)s)
ORDER BY id LIMIT %(most)s FOR UPDATE
"""  # noqa: S608
OWNED = f"SELECT {COLUMNS} FROM asset WHERE owner_id = %s ORDER BY id FOR UPDATE"  # noqa: S608
DELETE_OWNED = (
    "DELETE FROM asset WHERE owner_id = %s",
    "DELETE FROM video WHERE owner_id = %s",
    "DELETE FROM video_progress WHERE owner_id = %s",
)
PUT_VIDEOS = """
INSERT INTO video (id, owner_id, revision, state, failure_code, hls_url, mp4_url, poster_url, blurhash, duration_ms,
    width, height, variants)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
    %s::text[], %s::integer[], %s::integer[], %s::integer[], %s::jsonb[])
    AS told (id, owner_id, revision, state, failure_code, hls_url, mp4_url, poster_url, blurhash, duration_ms, width,
        height, variants)
WHERE NOT EXISTS (SELECT FROM erased_person WHERE erased_person.id = told.owner_id)
ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, state = excluded.state,
    failure_code = excluded.failure_code, hls_url = excluded.hls_url, mp4_url = excluded.mp4_url,
    poster_url = excluded.poster_url, blurhash = excluded.blurhash, duration_ms = excluded.duration_ms,
    width = excluded.width, height = excluded.height, variants = excluded.variants
WHERE video.revision < excluded.revision
"""
DELETE_VIDEOS = "DELETE FROM video WHERE id = ANY(%s)"
PUT_PROGRESS = """
INSERT INTO video_progress (id, owner_id, percent, stage, reported_at)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::integer[], %s::text[], %s::timestamptz[])
    AS told (id, owner_id, percent, stage, reported_at)
WHERE NOT EXISTS (SELECT FROM erased_person WHERE erased_person.id = told.owner_id)
ON CONFLICT (id) DO UPDATE SET percent = excluded.percent, stage = excluded.stage, reported_at = excluded.reported_at
WHERE video_progress.reported_at < excluded.reported_at
"""
FIND_VIDEO = """
SELECT state, failure_code, hls_url, mp4_url, poster_url, blurhash, duration_ms, width, height, variants
FROM video WHERE id = %s
"""
FIND_PROGRESS = "SELECT percent FROM video_progress WHERE id = %s"


async def put(work: Work, asset: Asset) -> None:
    """Insert a new asset."""
    await work.execute(INSERT, _row(asset))


async def update(work: Work, asset: Asset) -> None:
    """Write everything that may change; the caller holds the row's lock."""
    await work.execute(UPDATE, _row(asset))


async def find(work: Work, media_id: UUID) -> Asset | None:
    """An asset, whoever owns it."""
    row = await work.one(FIND, (media_id,))
    return _asset(row) if row else None


async def lock(work: Work, media_id: UUID) -> Asset | None:
    """An asset with its row locked, so that its events leave in order."""
    row = await work.one(LOCK, (media_id,))
    return _asset(row) if row else None


async def find_ready(work: Work, capability: str, *, limit_seconds: float) -> Asset | None:
    """The asset a public URL means; none whose URL should have been replaced for longer than the limit."""
    values = {"capability": capability, "limit": limit_seconds, "followers": Audience.FOLLOWERS.value}
    row = await work.one(FIND_BY_CAPABILITY, values)
    return _asset(row) if row else None


async def lock_exposed(work: Work, narrowing: Narrowing, after: UUID, most: int) -> list[Asset]:
    """The next `most` pictures and voice notes by id whose URLs somebody knows who may not see them any more.

    Their rows are locked. Avatars are shown to everybody.
    """
    values = {
        "author_id": narrowing.author_id,
        "last_at": narrowing.last_at,
        "is_of_all": narrowing.is_of_all,
        "after": after,
        "most": most,
        "followers": Audience.FOLLOWERS.value,
    }
    return [_asset(row) for row in await work.all(LOCK_EXPOSED, values)]


async def owned(work: Work, owner_id: UUID) -> list[Asset]:
    """All assets of a person, their rows locked."""
    return [_asset(row) for row in await work.all(OWNED, (owner_id,))]


async def remove_owned(work: Work, owner_id: UUID) -> None:
    """Delete all rows of a person, those told by video included."""
    for statement in DELETE_OWNED:
        await work.execute(statement, (owner_id,))


async def put_videos(work: Work, events: Sequence[VideoChangedV1]) -> None:
    """Keep the newest revision of each, which is at most once in `events`; of an erased person nothing is kept."""
    await work.execute(
        PUT_VIDEOS,
        columns_of(
            (
                event.video_id,
                event.owner_id,
                event.revision,
                event.state.value,
                event.failure_code,
                event.hls_url,
                event.mp4_url,
                event.poster_url,
                event.blurhash,
                event.duration_ms,
                event.width,
                event.height,
                Jsonb([msgspec.structs.asdict(variant) for variant in event.variants]),
            )
            for event in events
        ),
    )


async def remove_videos(work: Work, video_ids: Sequence[UUID]) -> None:
    """Forget videos that their owner's service removed."""
    await work.execute(DELETE_VIDEOS, (list(video_ids),))


async def put_progress(work: Work, events: Sequence[ProgressReportedV1]) -> None:
    """Keep the newest report on each video, which is at most once in `events`; of an erased person nothing is kept."""
    rows = ((one.video_id, one.owner_id, one.percent, one.stage, one.occurred_at) for one in events)
    await work.execute(PUT_PROGRESS, columns_of(rows))


async def find_video(work: Work, media_id: UUID) -> Video | None:
    """What video told last."""
    row = await work.one(FIND_VIDEO, (media_id,))
    if row is None:
        return None
    variants = tuple(Variant(**variant) for variant in row.pop("variants"))
    return Video(**row, variants=variants)


async def find_percent(work: Work, media_id: UUID) -> int | None:
    """The last reported progress, 0 to 100."""
    row = await work.one(FIND_PROGRESS, (media_id,))
    return int(row["percent"]) if row else None


def _row(asset: Asset) -> dict[str, Any]:
    row = msgspec.structs.asdict(asset)
    row["kind"], row["state"] = asset.kind.value, asset.state.value
    row["renditions"] = Jsonb(msgspec.to_builtins(asset.renditions))
    row["waveform"] = list(asset.waveform)
    return row


def _asset(row: dict[str, Any]) -> Asset:
    return msgspec.convert(row, Asset)
