"""What video answers when it cannot answer well."""

from daira_kit.errors import NotFound
from daira_stores.objects import ObjectStoreUnavailable

__all__ = ["ObjectStoreUnavailable", "PlaybackNotFound"]


class PlaybackNotFound(NotFound):
    """There is no such stream, or it was withdrawn."""

    code = "playback_not_found"
    title = "Stream not found"
    title_ar = "البث غير موجود"
