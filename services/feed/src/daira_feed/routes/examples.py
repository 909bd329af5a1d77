"""One request and one answer of each kind, as the API document shows it."""

from typing import Final

import msgspec

from daira_feed.domain.words import Visibility
from daira_feed.schemas import CirclePage, PostCreate, PostPatch, PostView
from daira_web.answers import example

_STREAM: Final = "/media/videos/3f9a7c5e1d2b4a60"
_MEDIA_ID: Final = "0199a6a7-1f00-7a11-b222-33c4d5e6f708"
_AUTHOR: Final = {
    "id": "0199a6a4-b3e3-7cf0-8a6d-1c2f0b7e4d9a",
    "handle": "salma.k",
    "displayName": "سلمى كمال",
    "avatarUrl": "/media/images/5f0c1d2e3b4a/160.webp",
}
_COUNTS: Final = {"likes": 0, "comments": 0, "shares": 0, "views": 0}
_CARD: Final = {
    "id": "0199a6a8-2c40-7d3e-9a5b-6c7d8e9f0a1b",
    "text": "صباح الخير من #الإسكندرية",
    "hashtags": ["الإسكندرية"],
    "createdAt": "2026-10-05T07:12:44Z",
    "publishedAt": "2026-10-05T07:12:58Z",
    "editedAt": None,
    "visibility": "PUBLIC",
    "replyPolicy": "EVERYONE",
    "duetOf": None,
    "stitchOf": None,
    "quoteOf": None,
    "media": [
        {
            "id": _MEDIA_ID,
            "kind": "VIDEO",
            "state": "READY",
            "renditions": [],
            "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
            "width": 720,
            "height": 1280,
            "durationMs": 15040,
        }
    ],
    "video": {
        "id": _MEDIA_ID,
        "hlsUrl": f"{_STREAM}/master.m3u8",
        "mp4Url": f"{_STREAM}/video.mp4",
        "posterUrl": f"{_STREAM}/poster.jpg",
        "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
        "durationMs": 15040,
        "width": 720,
        "height": 1280,
        "autoPlay": True,
        "preloadCount": 2,
    },
}
_VIEW: Final = {
    **_CARD,
    "author": _AUTHOR,
    "authorId": _AUTHOR["id"],
    "state": "PUBLISHED",
    "rejectCode": None,
    "isEditPending": False,
    "counts": _COUNTS,
    "viewer": {"reaction": None, "following": False},
}
CREATED: Final = example(
    201,
    PostView,
    {**_VIEW, "media": [], "video": None, "state": "PROCESSING", "publishedAt": None},
    "PROCESSING until its media are ready and moderation approved it",
)
POST: Final = example(200, PostView, _VIEW, "The post; with `If-None-Match` 304")
CIRCLE: Final = example(
    200,
    CirclePage,
    {
        "tab": "CIRCLE",
        "items": [
            {"post": _CARD, "author": _AUTHOR, "counts": _COUNTS, "viewer": {"reaction": None, "following": True}}
        ],
        "nextCursor": "eyJ2IjoxfQ.c2lnbmF0dXJl",
        "hasMore": True,
        "followingCount": 87,
    },
    "One page",
)
EXAMPLES: Final = (
    PostCreate(text="صباح الخير من #الإسكندرية"),
    PostPatch(text="صباح النور من #الإسكندرية", visibility=Visibility.FOLLOWERS),
    msgspec.convert(_VIEW, PostView),
)
"""Shown wherever one of these is taken or answered."""
