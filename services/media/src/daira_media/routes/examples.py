"""One answer of each kind, as the API document shows it."""

from typing import Final

from daira_media.schemas import MediaView
from daira_web.answers import example

_STREAM: Final = "/media/videos/3f9a7c5e1d2b4a60"
READY_VIDEO: Final = example(
    200,
    MediaView,
    {
        "id": "0199a6a7-1f00-7a11-b222-33c4d5e6f708",
        "kind": "VIDEO",
        "state": "READY",
        "progress": 100,
        "failureCode": None,
        "durationMs": 15040,
        "width": 720,
        "height": 1280,
        "hlsUrl": f"{_STREAM}/master.m3u8",
        "mp4Url": f"{_STREAM}/video.mp4",
        "posterUrl": f"{_STREAM}/poster.jpg",
        "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
        "waveform": [],
        "variants": [
            {
                "name": "360p",
                "url": None,
                "contentType": None,
                "width": 360,
                "height": 640,
                "bandwidth": 600000,
                "sizeBytes": 0,
            }
        ],
        "expiresAt": None,
    },
    "How far it is; with `If-None-Match` 304",
)
