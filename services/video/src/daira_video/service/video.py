"""All use-cases of video, as handlers, jobs and routes receive them."""

import msgspec

from daira_audience import Audiences, Circles
from daira_video.domain.videos import Video
from daira_video.service.playback import Playback
from daira_video.service.transcoding import Transcoding
from daira_video.service.videos import Videos
from daira_web.cdn import Purging


class VideoService(msgspec.Struct, frozen=True, kw_only=True):
    """One process's use-cases on its stores."""

    videos: Videos
    audiences: Audiences[Video]
    circles: Circles[Video]
    transcoding: Transcoding
    playback: Playback
    purging: Purging
