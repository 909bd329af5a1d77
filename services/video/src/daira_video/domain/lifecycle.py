"""The states of a video and which may follow which."""

from enum import StrEnum

from daira_kit.states import StateGraph


class VideoState(StrEnum):
    """Where a video is on its way from upload to playback."""

    UPLOADED = "UPLOADED"
    PROBING = "PROBING"
    PROCESSING = "PROCESSING"
    PLAYABLE = "PLAYABLE"
    READY = "READY"
    FAILED = "FAILED"
    REMOVED = "REMOVED"


LIFECYCLE = StateGraph(
    {
        VideoState.UPLOADED: {VideoState.PROBING, VideoState.FAILED, VideoState.REMOVED},
        VideoState.PROBING: {VideoState.PROCESSING, VideoState.FAILED, VideoState.REMOVED},
        VideoState.PROCESSING: {VideoState.PLAYABLE, VideoState.FAILED, VideoState.REMOVED},
        VideoState.PLAYABLE: {VideoState.READY, VideoState.FAILED, VideoState.REMOVED},
        VideoState.READY: {VideoState.REMOVED},
        VideoState.FAILED: {VideoState.REMOVED},
        VideoState.REMOVED: set(),
    }
)

_WAY = (VideoState.UPLOADED, VideoState.PROBING, VideoState.PROCESSING, VideoState.PLAYABLE, VideoState.READY)


def is_reached(now: VideoState, goal: VideoState) -> bool:
    """True when a video at `now` is at `goal` or beyond it, so that a repeated step has nothing to move."""
    return now in _WAY and _WAY.index(now) >= _WAY.index(goal)
