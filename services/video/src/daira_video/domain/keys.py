"""Where the files of a video lie in the bucket, how players reach them, and what they are."""

import re
from uuid import UUID

POSTERS = ("poster.jpg", "poster.webp")
MP4 = "video.mp4"
MASTER = "master.m3u8"
SAVER = "saver.m3u8"
PLAYLIST = "playlist.m3u8"
_CONTENT_TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
}
_RUNG_FILE = re.compile(r"playlist\.m3u8|seg_\d{5}\.ts", re.ASCII)


def prefix(video_id: UUID) -> str:
    """Everything of one video lies below this."""
    return f"video/{video_id}/"


def file_key(video_id: UUID, name: str) -> str:
    """`name` is relative to the video, such as `360p/seg_00000.ts`."""
    return prefix(video_id) + name


def content_type(name: str) -> str:
    """By the suffix; all names are our own."""
    return _CONTENT_TYPES[name[name.rindex(".") :]]


def url(playback_id: str, name: str) -> str:
    """The path below the gateway."""
    return f"/media/videos/{playback_id}/{name}"


def is_rung_file(name: str) -> bool:
    """True for names that a rung may have; nothing else is looked up in the bucket."""
    return _RUNG_FILE.fullmatch(name) is not None
