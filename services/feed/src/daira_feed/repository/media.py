"""Projections of media and video: what a post may show."""

from collections.abc import Sequence
from typing import Any, LiteralString
from uuid import UUID

import msgspec

from daira_contracts.media import AssetChangedV1, AssetKind, AssetState, Rendition
from daira_contracts.video import VideoChangedV1, VideoState
from daira_feed.repository.rows import convert_all
from daira_stores.arrays import columns_of
from daira_stores.work import Work


class AssetShape(msgspec.Struct, frozen=True, kw_only=True):
    """How an asset looks."""

    renditions: tuple[Rendition, ...] = ()
    blurhash: str | None = None
    duration_ms: int | None = None


class VideoShape(msgspec.Struct, frozen=True, kw_only=True):
    """Where a video plays."""

    hls_url: str | None = None
    saver_url: str | None = None
    mp4_url: str | None = None
    poster_url: str | None = None
    blurhash: str | None = None
    duration_ms: int = 0
    width: int = 0
    height: int = 0


class Medium(msgspec.Struct, frozen=True, kw_only=True):
    """Both halves of one media id, as far as they arrived. `revision` grows with every news of either."""

    media_id: UUID
    revision: int
    asset_owner: UUID | None
    asset_kind: AssetKind | None
    asset_state: AssetState | None
    asset: AssetShape | None
    video_owner: UUID | None
    video_state: VideoState | None
    video: VideoShape | None


async def lock_ids(work: Work, media_ids: Sequence[UUID]) -> None:
    """Posts being written and media arriving meet here, so that neither misses the other."""
    for media_id in sorted(set(media_ids)):
        await work.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 11))", (str(media_id),))


async def put_assets(work: Work, events: Sequence[AssetChangedV1]) -> int:
    """How many were news, each at most once in `events`; what belongs to the erased is passed over."""
    return await _put(
        work,
        """
        INSERT INTO asset (media_id, owner_id, revision, kind, state, shape)
        SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::text[], %s::text[], %s::jsonb[])
            AS told (media_id, owner_id, revision, kind, state, shape)
        WHERE NOT EXISTS (SELECT FROM erased WHERE user_id = told.owner_id)
        ON CONFLICT (media_id) DO UPDATE SET owner_id = excluded.owner_id, revision = excluded.revision,
            kind = excluded.kind, state = excluded.state, shape = excluded.shape
        WHERE asset.revision < excluded.revision
        """,
        [
            (event.media_id, event.owner_id, event.revision, event.kind.value, event.state.value, _asset_shape(event))
            for event in events
        ],
    )


async def put_videos(work: Work, events: Sequence[VideoChangedV1]) -> int:
    """How many were news, each at most once in `events`; what belongs to the erased is passed over."""
    return await _put(
        work,
        """
        INSERT INTO video (video_id, owner_id, revision, state, shape)
        SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::text[], %s::jsonb[])
            AS told (video_id, owner_id, revision, state, shape)
        WHERE NOT EXISTS (SELECT FROM erased WHERE user_id = told.owner_id)
        ON CONFLICT (video_id) DO UPDATE SET owner_id = excluded.owner_id, revision = excluded.revision,
            state = excluded.state, shape = excluded.shape
        WHERE video.revision < excluded.revision
        """,
        [(event.video_id, event.owner_id, event.revision, event.state.value, _video_shape(event)) for event in events],
    )


async def set_assets_gone(work: Work, media_ids: Sequence[UUID]) -> None:
    """The assets' keys left their topic."""
    await work.execute("UPDATE asset SET state = 'REMOVED', shape = '{}' WHERE media_id = ANY(%s)", (list(media_ids),))


async def set_videos_gone(work: Work, video_ids: Sequence[UUID]) -> None:
    """The videos' keys left their topic."""
    await work.execute("UPDATE video SET state = 'REMOVED', shape = '{}' WHERE video_id = ANY(%s)", (list(video_ids),))


async def find_many(work: Work, media_ids: Sequence[UUID]) -> dict[UUID, Medium]:
    """Those of which at least one half arrived."""
    rows = await work.all(
        """
        SELECT wanted.id AS media_id, coalesce(a.revision, 0) + coalesce(v.revision, 0) AS revision,
            a.owner_id AS asset_owner, a.kind AS asset_kind, a.state AS asset_state,
            a.shape AS asset, v.owner_id AS video_owner, v.state AS video_state, v.shape AS video
        FROM unnest(%s::uuid[]) AS wanted (id)
        LEFT JOIN asset a ON a.media_id = wanted.id
        LEFT JOIN video v ON v.video_id = wanted.id
        WHERE a.media_id IS NOT NULL OR v.video_id IS NOT NULL
        """,
        (list(set(media_ids)),),
    )
    return {medium.media_id: medium for medium in convert_all(rows, Medium)}


async def remove_of_owner(work: Work, owner_id: UUID) -> None:
    """Forget whose media they were."""
    await work.execute("DELETE FROM asset WHERE owner_id = %s", (owner_id,))
    await work.execute("DELETE FROM video WHERE owner_id = %s", (owner_id,))


async def _put(work: Work, statement: LiteralString, rows: Sequence[tuple[Any, ...]]) -> int:
    return (await work.execute(statement, columns_of(rows))).rowcount


def _asset_shape(event: AssetChangedV1) -> str:
    return _json(AssetShape(renditions=event.renditions, blurhash=event.blurhash, duration_ms=event.duration_ms))


def _video_shape(event: VideoChangedV1) -> str:
    return _json(
        VideoShape(
            hls_url=event.hls_url,
            saver_url=event.saver_url,
            mp4_url=event.mp4_url,
            poster_url=event.poster_url,
            blurhash=event.blurhash,
            duration_ms=event.duration_ms,
            width=event.width,
            height=event.height,
        )
    )


def _json(shape: msgspec.Struct) -> str:
    return msgspec.json.encode(shape).decode()
