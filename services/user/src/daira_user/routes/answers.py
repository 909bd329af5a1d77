"""From what user knows to what clients read, with ETags."""

from hashlib import blake2b
from typing import Annotated, TypeVar

import msgspec
from litestar import Response
from litestar.params import HeaderParameter

from daira_user.domain.relations import Follow, Relation
from daira_user.repository.views import Card, Seen
from daira_user.schemas import OwnProfile, Person, ProfilePatch, PublicProfile, RelationAnswer, Viewer

T = TypeVar("T", bound=msgspec.Struct)
IfNoneMatch = Annotated[str | None, HeaderParameter(name="If-None-Match")]
IfMatch = Annotated[str | None, HeaderParameter(name="If-Match")]


def own_profile(seen: Seen) -> OwnProfile:
    """One's own profile."""
    profile = seen.profile
    return OwnProfile(
        id=profile.user_id,
        handle=profile.handle,
        display_name=profile.display_name,
        bio=profile.bio,
        avatar_media_id=profile.avatar_media_id,
        avatar_url=profile.avatar_url,
        locale=profile.locale,
        is_private=profile.is_private,
        interests=profile.interests,
        followers_count=seen.followers,
        following_count=seen.following,
        text_state=profile.text_state,
        text_refused=profile.refused_code,
        created_at=profile.created_at,
        updated_at=profile.updated_at,
    )


def public_profile(seen: Seen) -> PublicProfile:
    """Somebody's profile."""
    profile, mine, theirs = seen.profile, seen.pair.mine, seen.pair.theirs
    name, bio = profile.shown
    return PublicProfile(
        id=profile.user_id,
        handle=profile.handle,
        display_name=name,
        bio=bio,
        avatar_url=profile.avatar_url,
        is_private=profile.is_private,
        followers_count=seen.followers,
        following_count=seen.following,
        created_at=profile.created_at,
        viewer=Viewer(
            state=mine.follow,
            follows_you=theirs.follow is Follow.FOLLOWING,
            asks_to_follow_you=theirs.follow is Follow.REQUESTED,
            blocks=mine.blocks,
            mutes=mine.mutes,
        ),
    )


def person(card: Card) -> Person:
    """A person in a list."""
    return Person(
        id=card.user_id,
        handle=card.handle,
        display_name=card.display_name,
        avatar_url=card.avatar_url,
        is_private=card.is_private,
        state=card.follow,
        since=card.at,
    )


def relation(held: Relation) -> RelationAnswer:
    """One direction; whether somebody is blocked or muted by the other is theirs to know."""
    return RelationAnswer(state=held.follow, blocks=held.blocks, mutes=held.mutes)


def etag_of(body: msgspec.Struct) -> str:
    """Changes with any byte of the answer, so also with counts and the reader's relation.

    Of one's own profile it begins with a digest of what can be edited, which is all that an edit depends on.
    """
    whole = _digest(body)
    if not isinstance(body, OwnProfile):
        return f'"{whole}"'
    return f'"{_digest([getattr(body, name) for name in ProfilePatch.__struct_fields__])}.{whole}"'


def tagged(body: T, if_none_match: str | None = None) -> Response[T | None]:
    """The answer with its ETag, or 304 when the reader has it already."""
    etag = etag_of(body)
    if if_none_match is not None and matches(if_none_match, etag):
        return Response(None, status_code=304, headers={"ETag": etag})
    return Response(body, headers={"ETag": etag, "Cache-Control": "private, no-cache"})


def is_edit_of(condition: str, body: OwnProfile) -> bool:
    """Whether one of these ETags, or `*`, is of the same words and choices; a new follower is no reason to refuse."""
    given = {one.partition(".")[0] for one in _listed(condition)}
    return "*" in given or etag_of(body).partition(".")[0] in given


def matches(condition: str, etag: str) -> bool:
    """Whether a list of ETags, weak or not, or `*`, names this one."""
    given = _listed(condition)
    return "*" in given or etag in given


def _listed(condition: str) -> list[str]:
    return [one.strip().removeprefix("W/") for one in condition.split(",")]


def _digest(value: object) -> str:
    return blake2b(msgspec.json.encode(value), digest_size=12).hexdigest()
