"""What feed tells: posts, in every state."""

from typing import ClassVar
from uuid import UUID

from daira_contracts._event import Event, OpenEnum
from daira_contracts.exports import ExportPartWritten
from daira_kit.clock import Moment


class PostState(OpenEnum):
    """PROCESSING waits for media or a verdict."""

    PROCESSING = "PROCESSING"
    PUBLISHED = "PUBLISHED"
    REJECTED = "REJECTED"
    REMOVED = "REMOVED"
    UNKNOWN = "UNKNOWN"


class Visibility(OpenEnum):
    """Who may see a post."""

    PUBLIC = "PUBLIC"
    FOLLOWERS = "FOLLOWERS"
    UNKNOWN = "UNKNOWN"


class ReplyPolicy(OpenEnum):
    """Who may reply to a post."""

    EVERYONE = "EVERYONE"
    FOLLOWERS = "FOLLOWERS"
    NOBODY = "NOBODY"
    UNKNOWN = "UNKNOWN"


class PostChangedV1(Event, frozen=True, kw_only=True):
    """The whole state of a post.

    `content_revision` counts edits of text and media and is what a verdict is about; `revision` counts every change.
    A REMOVED post carries no text.
    """

    topic: ClassVar[str] = "feed.post-changed.v1"
    key: ClassVar[tuple[str, ...]] = ("post_id",)

    post_id: UUID
    author_id: UUID
    state: PostState
    content_revision: int
    approved_revision: int = 0
    text: str
    hashtags: tuple[str, ...] = ()
    media_ids: tuple[UUID, ...] = ()
    visibility: Visibility = Visibility.PUBLIC
    reply_policy: ReplyPolicy = ReplyPolicy.EVERYONE
    duet_of: UUID | None = None
    stitch_of: UUID | None = None
    quote_of: UUID | None = None
    reject_code: str | None = None
    created_at: Moment
    edited_at: Moment | None = None


class ExportPartWrittenV1(ExportPartWritten, frozen=True, kw_only=True):
    """The part of an export that feed writes."""

    topic: ClassVar[str] = "feed.export-part-written.v1"
