"""All use-cases of video, as handlers, jobs and routes receive them."""

import msgspec

from daira_video.service.audiences import Audiences
from daira_video.service.playback import Playback
from daira_video.service.transcoding import Transcoding
from daira_video.service.videos import Videos


class VideoService(msgspec.Struct, frozen=True, kw_only=True):
    """One process's use-cases on its stores."""

    videos: Videos
    audiences: Audiences
    transcoding: Transcoding
    playback: Playback
