"""What video answers when it cannot answer well."""

from daira_kit.errors import DairaError, NotFound
from daira_stores.objects import ObjectStoreUnavailable

__all__ = ["ObjectStoreUnavailable", "PlaybackNotFound", "RangeNotSatisfiable"]


class PlaybackNotFound(NotFound):
    """There is no such stream, or it was withdrawn."""

    code = "playback_not_found"
    title = "Stream not found"
    title_ar = "البث غير موجود"


class RangeNotSatisfiable(DairaError):
    """The requested range lies outside the file."""

    status = 416
    code = "range_not_satisfiable"
    title = "Range not satisfiable"
    title_ar = "النطاق غير صالح"
