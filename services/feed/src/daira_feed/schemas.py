"""What clients send and get."""

from typing import Annotated
from uuid import UUID

import msgspec

from daira_feed.domain.media import MOST_MEDIA
from daira_feed.domain.words import PostState, ReplyPolicy, Visibility
from daira_kit.clock import Moment

TextIn = Annotated[str, msgspec.Meta(max_length=20_000)]
MediaIn = Annotated[list[UUID], msgspec.Meta(max_length=MOST_MEDIA)]


class PostCreate(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A new post: text, media, or both."""

    text: TextIn = ""
    media_ids: MediaIn = []
    visibility: Visibility = Visibility.PUBLIC
    reply_policy: ReplyPolicy = ReplyPolicy.EVERYONE
    duet_of: UUID | None = None
    stitch_of: UUID | None = None
    quote_of: UUID | None = None


class PostPatch(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is given is changed; text and media go through moderation again."""

    text: TextIn | msgspec.UnsetType = msgspec.UNSET
    media_ids: MediaIn | msgspec.UnsetType = msgspec.UNSET
    visibility: Visibility | msgspec.UnsetType = msgspec.UNSET
    reply_policy: ReplyPolicy | msgspec.UnsetType = msgspec.UNSET


class _Out(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class RenditionOut(_Out, frozen=True, kw_only=True):
    """One ready size of an image."""

    name: str
    url: str
    content_type: str
    width: int
    height: int


class MediaOut(_Out, frozen=True, kw_only=True):
    """One medium of a post; a video's stream is in `video`."""

    id: UUID
    kind: str
    state: str
    renditions: list[RenditionOut] = []
    blurhash: str | None = None
    width: int = 0
    height: int = 0
    duration_ms: int | None = None


class VideoOut(_Out, frozen=True, kw_only=True):
    """The first video of a post. With data saver `hlsUrl` is at most 360p and nothing plays by itself."""

    id: UUID
    hls_url: str
    mp4_url: str | None
    poster_url: str | None
    blurhash: str | None
    duration_ms: int
    width: int
    height: int
    auto_play: bool
    preload_count: int


class AuthorCard(_Out, frozen=True, kw_only=True):
    """Whoever made it; names are null until the profile arrived."""

    id: UUID
    handle: str | None
    display_name: str | None
    avatar_url: str | None


class Counts(_Out, frozen=True, kw_only=True):
    """`likes` are all reactions."""

    likes: int = 0
    comments: int = 0
    shares: int = 0
    views: int = 0


class Viewer(_Out, frozen=True, kw_only=True):
    """How the reader stands to the post."""

    reaction: str | None = None
    following: bool = False


class PostCard(_Out, frozen=True, kw_only=True):
    """A post as others see it."""

    id: UUID
    text: str
    hashtags: list[str]
    created_at: Moment
    published_at: Moment | None
    edited_at: Moment | None
    visibility: Visibility
    reply_policy: ReplyPolicy
    duet_of: UUID | None
    stitch_of: UUID | None
    quote_of: UUID | None
    media: list[MediaOut]
    video: VideoOut | None


class FeedItem(_Out, frozen=True, kw_only=True):
    """One place in a feed."""

    post: PostCard
    author: AuthorCard
    counts: Counts
    viewer: Viewer


class CirclePage(_Out, frozen=True, kw_only=True):
    """`hasMore` may be true on a short page: filtering can shorten a page without ending the list."""

    tab: str
    items: list[FeedItem]
    next_cursor: str | None
    has_more: bool
    following_count: int


class PostView(PostCard, frozen=True, kw_only=True):
    """A single post. Its author also sees state, reason and the newest text while an edit awaits its verdict."""

    author: AuthorCard
    author_id: UUID
    state: PostState
    reject_code: str | None
    is_edit_pending: bool
    counts: Counts
    viewer: Viewer
