"""Rows of videos and their rungs. The only SQL of this service."""

from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from daira_audience.domain import Audience, Narrowing
from daira_stores.sections import Sections
from daira_stores.work import Work
from daira_video.domain.fractions import read_fraction, write_fraction
from daira_video.domain.videos import Rendition, Video

_COLUMNS = """id, owner_id, storage_key, size_bytes, state, revision, playback_id, failure_code, source, poster"""
_INSERT = """
INSERT INTO video (id, owner_id, storage_key, size_bytes, state, playback_id)
VALUES (%(id)s, %(owner_id)s, %(storage_key)s, %(size_bytes)s, %(state)s, %(playback_id)s)
ON CONFLICT (id) DO NOTHING
"""
_UPDATE = """
UPDATE video SET state = %(state)s, revision = %(revision)s, playback_id = %(playback_id)s,
    failure_code = %(failure_code)s, source = %(source)s, poster = %(poster)s, updated_at = clock_timestamp(),
    playback_since = CASE WHEN playback_id IS DISTINCT FROM %(playback_id)s
        THEN clock_timestamp() ELSE playback_since END
WHERE id = %(id)s
"""
_FIND = f"SELECT {_COLUMNS} FROM video WHERE id = %s"  # noqa: S608 - _COLUMNS is a constant
_LOCK = f"SELECT {_COLUMNS} FROM video WHERE id = %s FOR UPDATE"  # noqa: S608
_WIDEST = "(SELECT max(audience) FROM shown WHERE shown.video_id = video.id AND shown.author_id = video.owner_id)"
_FIND_PLAYBACK = f"""
SELECT {_COLUMNS} FROM video WHERE playback_id = %(playback_id)s AND NOT EXISTS (
    SELECT FROM narrowing
    WHERE author_id = video.owner_id AND first_at < clock_timestamp() - make_interval(secs => %(limit)s)
        AND video.playback_since < first_at AND (is_of_all OR {_WIDEST} = %(followers)s))
"""  # noqa: S608
_LOCK_EXPOSED = f"""
SELECT {_COLUMNS} FROM video
WHERE owner_id = %(author_id)s AND id > %(after)s AND playback_id IS NOT NULL AND playback_since < %(last_at)s
    AND (%(is_of_all)s OR {_WIDEST} = %(followers)s)
ORDER BY id LIMIT %(most)s FOR UPDATE
"""  # noqa: S608
_OWNED = "SELECT id FROM video WHERE owner_id = %s ORDER BY id"
_DELETE = "DELETE FROM video WHERE id = %s"
_PUT_RENDITION = """
INSERT INTO rendition (video_id, name, width, height, rate, codecs, peak_bps, average_bps, segments, size_bytes,
    has_mp4)
VALUES (%(video_id)s, %(name)s, %(width)s, %(height)s, %(rate)s, %(codecs)s, %(peak_bps)s, %(average_bps)s,
    %(segments)s, %(size_bytes)s, %(has_mp4)s)
ON CONFLICT (video_id, name) DO UPDATE SET width = excluded.width, height = excluded.height, rate = excluded.rate,
    codecs = excluded.codecs, peak_bps = excluded.peak_bps, average_bps = excluded.average_bps,
    segments = excluded.segments, size_bytes = excluded.size_bytes, has_mp4 = excluded.has_mp4
"""
_RENDITIONS = """
SELECT name, width, height, rate, codecs, peak_bps, average_bps, segments, size_bytes, has_mp4
FROM rendition WHERE video_id = %s ORDER BY average_bps
"""

EXPORTED: Sections = {
    "videos": """
        SELECT id, size_bytes, state, failure_code, source, created_at,
            (SELECT json_agg(json_build_object('name', r.name, 'width', r.width, 'height', r.height)
                 ORDER BY r.average_bps)
             FROM rendition r WHERE r.video_id = video.id) AS renditions
        FROM video WHERE owner_id = %(user)s ORDER BY created_at, id
    """,
}
"""What video holds of a person, for their export."""


async def add(work: Work, video: Video) -> bool:
    """Insert a video; False when it is known already."""
    cursor = await work.execute(_INSERT, _row(video))
    return cursor.rowcount == 1


async def update(work: Work, video: Video) -> None:
    """Write all that may change; the caller holds the row's lock."""
    await work.execute(_UPDATE, _row(video))


async def find(work: Work, video_id: UUID) -> Video | None:
    """A video in any state."""
    return _video(await work.one(_FIND, (video_id,)))


async def lock(work: Work, video_id: UUID) -> Video | None:
    """A video with its row locked, so that its events leave in order."""
    return _video(await work.one(_LOCK, (video_id,)))


async def find_playback(work: Work, playback_id: str, *, limit_seconds: float) -> Video | None:
    """The video that a URL means now; none whose URL should have been replaced for longer than the limit."""
    values = {"playback_id": playback_id, "limit": limit_seconds, "followers": Audience.FOLLOWERS.value}
    return _video(await work.one(_FIND_PLAYBACK, values))


async def lock_exposed(work: Work, narrowing: Narrowing, after: UUID, most: int) -> list[Video]:
    """The next `most` videos by id whose URLs are known to somebody who may not watch any more, rows locked."""
    values = {
        "author_id": narrowing.author_id,
        "last_at": narrowing.last_at,
        "is_of_all": narrowing.is_of_all,
        "after": after,
        "most": most,
        "followers": Audience.FOLLOWERS.value,
    }
    return [video for row in await work.all(_LOCK_EXPOSED, values) if (video := _video(row)) is not None]


async def owned(work: Work, owner_id: UUID) -> list[UUID]:
    """Ids of all videos of a person."""
    return [row["id"] for row in await work.all(_OWNED, (owner_id,))]


async def delete(work: Work, video_id: UUID) -> None:
    """Forget a video and its rungs."""
    await work.execute(_DELETE, (video_id,))


async def put_rendition(work: Work, video_id: UUID, rendition: Rendition) -> None:
    """A rung whose files are all stored."""
    row = msgspec.structs.asdict(rendition) | {"video_id": video_id, "rate": str(rendition.rate)}
    await work.execute(_PUT_RENDITION, row)


async def renditions(work: Work, video_id: UUID) -> tuple[Rendition, ...]:
    """Finished rungs, smallest first."""
    rows = await work.all(_RENDITIONS, (video_id,))
    return tuple(msgspec.convert(row, Rendition, dec_hook=read_fraction) for row in rows)


def _row(video: Video) -> dict[str, Any]:
    row = msgspec.structs.asdict(video)
    row["state"] = video.state.value
    row["source"] = _json(video.source)
    row["poster"] = _json(video.poster)
    return row


def _json(part: msgspec.Struct | None) -> Jsonb | None:
    return None if part is None else Jsonb(msgspec.to_builtins(part, enc_hook=write_fraction))


def _video(row: dict[str, Any] | None) -> Video | None:
    return None if row is None else msgspec.convert(row, Video, dec_hook=read_fraction)
