"""Every change of a post is told with its full state, and brought to Redis and to Circles by a job."""

from daira_contracts.feed import PostChangedV1, PostState
from daira_feed.repository import posts
from daira_feed.repository.posts import Post, Words
from daira_kit.clock import now
from daira_stores.work import Work

SPREAD = "spread-post"
NOTHING = Words(text="", hashtags=[], media_ids=[])


async def tell(work: Work, post: Post) -> None:
    """The caller wrote the post's row in this transaction. Text of a removed post is not told."""
    words = None
    if post.state is not PostState.REMOVED:
        words = await posts.read_words(work, post.id, post.content_revision)
    words = words or NOTHING
    await work.emit(
        PostChangedV1(
            occurred_at=now(),
            revision=post.revision,
            post_id=post.id,
            author_id=post.author_id,
            state=post.state,
            content_revision=post.content_revision,
            approved_revision=post.approved_revision,
            text=words.text,
            hashtags=tuple(words.hashtags),
            media_ids=tuple(words.media_ids),
            visibility=post.visibility,
            reply_policy=post.reply_policy,
            duet_of=post.duet_of,
            stitch_of=post.stitch_of,
            quote_of=post.quote_of,
            reject_code=post.reject_code,
            created_at=post.created_at,
            edited_at=post.edited_at,
        )
    )
    await work.enqueue(SPREAD, str(post.id))
