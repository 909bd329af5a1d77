"""From rows to what clients see."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from daira_contracts.media import AssetKind, AssetState
from daira_contracts.video import VideoState
from daira_feed.domain.saver import PRELOAD, PRELOAD_SAVING
from daira_feed.repository.media import Medium, VideoShape
from daira_feed.repository.people import Profile
from daira_feed.repository.posts import Post, Words
from daira_feed.schemas import AuthorCard, MediaOut, PostCard, RenditionOut, VideoOut

_WATCHABLE = (VideoState.PLAYABLE, VideoState.READY)


def render_author(user_id: UUID, profile: Profile | None) -> AuthorCard:
    """Names are null until the profile arrived, or once it is gone."""
    if profile is None or not profile.is_active:
        return AuthorCard(id=user_id, handle=None, display_name=None, avatar_url=None)
    return AuthorCard(
        id=user_id, handle=profile.handle, display_name=profile.display_name, avatar_url=profile.avatar_url
    )


def render_post(
    post: Post, words: Words, media: Mapping[UUID, Medium], *, is_saving: bool, with_unknown: bool = False
) -> PostCard:
    """The post with the given revision's words; media that were removed since are left out.

    `with_unknown`: to the author, media nobody has heard of yet are shown as being processed. Other people's media
    look the same: whoever names one must not learn its URL.
    """
    media = {media_id: medium for media_id, medium in media.items() if _is_of(medium, post.author_id)}
    shown = [media[media_id] for media_id in words.media_ids if media_id in media]
    shown = [medium for medium in shown if not _is_removed(medium)]
    return PostCard(
        id=post.id,
        text=words.text,
        hashtags=words.hashtags,
        created_at=post.created_at,
        published_at=post.published_at,
        edited_at=post.edited_at,
        visibility=post.visibility,
        reply_policy=post.reply_policy,
        duet_of=post.duet_of,
        stitch_of=post.stitch_of,
        quote_of=post.quote_of,
        media=[_medium(medium) for medium in shown] + (_unknown(words, media) if with_unknown else []),
        video=_first_video(shown, is_saving=is_saving),
    )


def cards_of(post: Post, words: Words, media: Mapping[UUID, Medium]) -> tuple[bytes, bytes | None]:
    """Ready JSON, and the variant for data saver when it differs."""
    card = render_post(post, words, media, is_saving=False)
    if card.video is None:
        return msgspec.json.encode(card), None
    return msgspec.json.encode(card), msgspec.json.encode(render_post(post, words, media, is_saving=True))


def _unknown(words: Words, media: Mapping[UUID, Medium]) -> list[MediaOut]:
    kind, state = AssetKind.UNKNOWN.value, AssetState.PROCESSING.value
    return [MediaOut(id=media_id, kind=kind, state=state) for media_id in words.media_ids if media_id not in media]


def _is_of(medium: Medium, person: UUID) -> bool:
    return {medium.asset_owner, medium.video_owner} <= {person, None}


def _is_removed(medium: Medium) -> bool:
    return AssetState.REMOVED is medium.asset_state or VideoState.REMOVED is medium.video_state


def _medium(medium: Medium) -> MediaOut:
    video, asset = medium.video, medium.asset
    is_video = medium.asset_kind is AssetKind.VIDEO or medium.video_state is not None
    state = medium.video_state if is_video and medium.video_state else medium.asset_state
    largest = max(asset.renditions, key=lambda one: one.width, default=None) if asset else None
    return MediaOut(
        id=medium.media_id,
        kind=(AssetKind.VIDEO if is_video else medium.asset_kind or AssetKind.UNKNOWN).value,
        state=state.value if state else AssetState.UPLOADED.value,
        renditions=[
            RenditionOut(name=one.name, url=one.url, content_type=one.content_type, width=one.width, height=one.height)
            for one in (asset.renditions if asset else ())
        ],
        blurhash=(video.blurhash if video else None) or (asset.blurhash if asset else None),
        width=video.width if video else largest.width if largest else 0,
        height=video.height if video else largest.height if largest else 0,
        duration_ms=video.duration_ms if video else asset.duration_ms if asset else None,
    )


def _first_video(shown: Sequence[Medium], *, is_saving: bool) -> VideoOut | None:
    for medium in shown:
        if medium.video is not None and medium.video_state in _WATCHABLE and medium.video.hls_url:
            return _video(medium.media_id, medium.video, medium.video.hls_url, is_saving=is_saving)
    return None


def _video(media_id: UUID, video: VideoShape, hls_url: str, *, is_saving: bool) -> VideoOut:
    return VideoOut(
        id=media_id,
        hls_url=video.saver_url or hls_url if is_saving else hls_url,
        mp4_url=None if is_saving else video.mp4_url,
        poster_url=video.poster_url,
        blurhash=video.blurhash,
        duration_ms=video.duration_ms,
        width=video.width,
        height=video.height,
        auto_play=not is_saving,
        preload_count=PRELOAD_SAVING if is_saving else PRELOAD,
    )
