"""Projections of media and video: what a post may show."""

from collections.abc import Sequence
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from daira_contracts.media import AssetChangedV1, AssetKind, AssetState, Rendition
from daira_contracts.video import Variant, VideoChangedV1, VideoState
from daira_feed.repository.rows import convert_all
from daira_stores.work import Work


class AssetShape(msgspec.Struct, frozen=True, kw_only=True):
    """How an asset looks."""

    renditions: tuple[Rendition, ...] = ()
    blurhash: str | None = None
    duration_ms: int | None = None


class VideoShape(msgspec.Struct, frozen=True, kw_only=True):
    """Where a video plays."""

    hls_url: str | None = None
    mp4_url: str | None = None
    poster_url: str | None = None
    blurhash: str | None = None
    duration_ms: int = 0
    width: int = 0
    height: int = 0
    variants: tuple[Variant, ...] = ()


class Medium(msgspec.Struct, frozen=True, kw_only=True):
    """Both halves of one media id, as far as they arrived."""

    media_id: UUID
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


async def put_asset(work: Work, event: AssetChangedV1) -> bool:
    """False when a newer state is known."""
    shape = AssetShape(renditions=event.renditions, blurhash=event.blurhash, duration_ms=event.duration_ms)
    return await _put(
        work,
        """
        INSERT INTO asset (media_id, owner_id, revision, kind, state, shape) VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT (media_id) DO UPDATE SET owner_id = excluded.owner_id, revision = excluded.revision,
            kind = excluded.kind, state = excluded.state, shape = excluded.shape
        WHERE asset.revision < excluded.revision
        """,
        (event.media_id, event.owner_id, event.revision, event.kind.value, event.state.value, _json(shape)),
    )


async def put_video(work: Work, event: VideoChangedV1) -> bool:
    """False when a newer state is known."""
    shape = VideoShape(
        hls_url=event.hls_url,
        mp4_url=event.mp4_url,
        poster_url=event.poster_url,
        blurhash=event.blurhash,
        duration_ms=event.duration_ms,
        width=event.width,
        height=event.height,
        variants=event.variants,
    )
    return await _put(
        work,
        """
        INSERT INTO video (video_id, owner_id, revision, state, shape) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (video_id) DO UPDATE SET owner_id = excluded.owner_id, revision = excluded.revision,
            state = excluded.state, shape = excluded.shape
        WHERE video.revision < excluded.revision
        """,
        (event.video_id, event.owner_id, event.revision, event.state.value, _json(shape)),
    )


async def set_asset_gone(work: Work, media_id: UUID) -> None:
    """The asset's key left its topic."""
    await work.execute("UPDATE asset SET state = 'REMOVED', shape = '{}' WHERE media_id = %s", (media_id,))


async def set_video_gone(work: Work, video_id: UUID) -> None:
    """The video's key left its topic."""
    await work.execute("UPDATE video SET state = 'REMOVED', shape = '{}' WHERE video_id = %s", (video_id,))


async def find_many(work: Work, media_ids: Sequence[UUID]) -> dict[UUID, Medium]:
    """Those of which at least one half arrived."""
    rows = await work.all(
        """
        SELECT wanted.id AS media_id, a.owner_id AS asset_owner, a.kind AS asset_kind, a.state AS asset_state,
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


async def _put(work: Work, statement: LiteralString, parameters: tuple[Any, ...]) -> bool:
    return (await work.execute(statement, parameters)).rowcount == 1


def _json(shape: msgspec.Struct) -> Jsonb:
    return Jsonb(msgspec.to_builtins(shape))
