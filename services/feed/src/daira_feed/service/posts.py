"""Posts as their authors make, change and remove them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from daira_contracts.feed import PostState, ReplyPolicy, Visibility
from daira_feed.domain.hashtags import find_hashtags
from daira_feed.domain.text import LONGEST_TEXT, clean, is_blank
from daira_feed.domain.visibility import Standing, Subject, Surface, may_see
from daira_feed.errors import AuthorErased, NotTheAuthor, PostInvalid, PostNotEditable, PostNotFound, PostRemoved
from daira_feed.repository import media, people, posts
from daira_feed.repository.media import Medium
from daira_feed.repository.posts import Post, Words
from daira_feed.schemas import Counts, PostCreate, PostPatch, PostView, Viewer
from daira_feed.service.judging import MEDIA_DEADLINE, Judging
from daira_feed.service.rendering import render_author, render_post
from daira_feed.service.telling import NOTHING, tell
from daira_kit.clock import now
from daira_kit.errors import NotYetVisible, PreconditionFailed
from daira_kit.ids import new_id
from daira_stores.idempotency import IdempotencyKey
from daira_stores.postgres import Database
from daira_stores.work import Work


class Posts:
    """`media_wait_seconds`: when a post whose media never arrive is judged a last time."""

    def __init__(self, database: Database, judging: Judging, media_wait_seconds: int) -> None:
        self._database, self._judging, self._media_wait = database, judging, media_wait_seconds

    async def create(self, author_id: UUID, data: PostCreate, idempotency: IdempotencyKey | None) -> PostView:
        """Raises PostInvalid, AuthorErased, PostNotFound for a source one may not see, and Replayed."""
        words = _words(data.text, data.media_ids)
        _check_choice("visibility", data.visibility)
        _check_choice("replyPolicy", data.reply_policy)
        post = Post(
            id=new_id(),
            author_id=author_id,
            state=PostState.PROCESSING,
            revision=1,
            content_revision=1,
            approved_revision=0,
            visibility=data.visibility,
            reply_policy=data.reply_policy,
            duet_of=data.duet_of,
            stitch_of=data.stitch_of,
            quote_of=data.quote_of,
            reject_code=None,
            created_at=now(),
            edited_at=None,
            published_at=None,
        )
        async with self._database.work(idempotency) as work:
            if await people.is_erased(work, author_id):
                raise AuthorErased
            await self._check_sources(work, post)
            await media.lock_ids(work, words.media_ids)
            await posts.put_new(work, post, words)
            await self._begin(work, post, words)
            view = await self._view(work, await _must_find(work, post.id), author_id, is_saving=False)
            await work.answer(201, view)
        return view

    async def read(self, post_id: UUID, reader_id: UUID, *, is_saving: bool) -> tuple[PostView, int]:
        """The post as this reader may see it, and its revision.

        Raises PostNotFound, and NotYetVisible where only the author's profile is missed.
        """
        async with self._database.read() as work:
            post = await posts.find(work, post_id)
            if post is None:
                raise PostNotFound
            if not await self._may_see(work, post, reader_id):
                raise NotYetVisible if await self._waits_for_profile(work, post, reader_id) else PostNotFound
            return await self._view(work, post, reader_id, is_saving=is_saving), post.revision

    async def edit(self, post_id: UUID, author_id: UUID, data: PostPatch, expected: int | None) -> tuple[PostView, int]:
        """`expected` is the revision of If-Match. The last approved revision stays visible until the new one is.

        Raises PostNotFound, NotTheAuthor, PostRemoved, PostNotEditable, PostInvalid, PreconditionFailed.
        """
        async with self._database.work() as work:
            old = await posts.read_newest_words(work, post_id) or NOTHING
            more = [] if data.media_ids is msgspec.UNSET else data.media_ids
            await media.lock_ids(work, [*old.media_ids, *more])
            post = await self._lock_own(work, post_id, author_id)
            if expected is not None and expected != post.revision:
                raise PreconditionFailed
            if post.state is PostState.REJECTED:
                raise PostNotEditable
            await self._apply(work, post, data)
            post = await _must_find(work, post_id)
            return await self._view(work, post, author_id, is_saving=False), post.revision

    async def remove(self, post_id: UUID, author_id: UUID) -> None:
        """Removing twice is fine. Raises PostNotFound and NotTheAuthor."""
        async with self._database.work() as work:
            post = await posts.lock(work, post_id)
            if post is None:
                raise PostNotFound
            if post.author_id != author_id:
                raise NotTheAuthor if await self._may_see(work, post, author_id) else PostNotFound
            if post.state is not PostState.REMOVED:
                gone = msgspec.structs.replace(post, state=PostState.REMOVED, revision=post.revision + 1)
                await posts.put(work, gone)
                await posts.remove_contents(work, post_id)
                await tell(work, gone)

    async def view_many(
        self, work: Work, found: Sequence[Post], reader_id: UUID, *, surface: Surface, is_saving: bool
    ) -> list[PostView]:
        """Those of `found` that the reader may see on this surface, in the same order."""
        authors = [post.author_id for post in found]
        standings = await people.find_standings(work, reader_id, authors)
        profiles = await people.find_profiles(work, authors)
        seen = [post for post in found if _sees(surface, standings[post.author_id], post, profiles.get(post.author_id))]
        return await self._render(work, seen, reader_id, standings, profiles, is_saving=is_saving)

    async def _begin(self, work: Work, post: Post, words: Words) -> None:
        if not await self._judging.settle(work, post):
            await tell(work, post)
        if words.media_ids:
            due = now() + timedelta(seconds=self._media_wait)
            await work.enqueue(MEDIA_DEADLINE, str(post.id), due_at=due)

    async def _apply(self, work: Work, post: Post, data: PostPatch) -> None:
        old = await posts.read_words(work, post.id, post.content_revision) or NOTHING
        words = _words(
            old.text if data.text is msgspec.UNSET else data.text,
            old.media_ids if data.media_ids is msgspec.UNSET else data.media_ids,
        )
        visibility = post.visibility if data.visibility is msgspec.UNSET else data.visibility
        replies = post.reply_policy if data.reply_policy is msgspec.UNSET else data.reply_policy
        _check_choice("visibility", visibility)
        _check_choice("replyPolicy", replies)
        is_new = (words.text, words.media_ids) != (old.text, old.media_ids)
        if not is_new and (visibility, replies) == (post.visibility, post.reply_policy):
            return
        post = msgspec.structs.replace(
            post,
            revision=post.revision + 1,
            content_revision=post.content_revision + is_new,
            visibility=visibility,
            reply_policy=replies,
            edited_at=now() if is_new else post.edited_at,
        )
        if is_new:
            await posts.put_content(work, post.id, post.content_revision, words, now())
        await posts.put(work, post)
        await self._begin(work, post, words)

    async def _lock_own(self, work: Work, post_id: UUID, author_id: UUID) -> Post:
        post = await posts.lock(work, post_id)
        if post is None:
            raise PostNotFound
        if post.author_id != author_id:
            raise NotTheAuthor if await self._may_see(work, post, author_id) else PostNotFound
        if post.state is PostState.REMOVED:
            raise PostRemoved
        return post

    async def _check_sources(self, work: Work, post: Post) -> None:
        for field, source_id in (("duetOf", post.duet_of), ("stitchOf", post.stitch_of), ("quoteOf", post.quote_of)):
            if source_id is None:
                continue
            source = await posts.find(work, source_id)
            if source is None or not await self._may_see(work, source, post.author_id):
                raise PostInvalid(field, "there is no such post")

    async def _may_see(self, work: Work, post: Post, reader_id: UUID) -> bool:
        standings = await people.find_standings(work, reader_id, [post.author_id])
        profiles = await people.find_profiles(work, [post.author_id])
        if post.state is PostState.REMOVED:
            return False
        return _sees(Surface.POST, standings[post.author_id], post, profiles.get(post.author_id))

    async def _waits_for_profile(self, work: Work, post: Post, reader_id: UUID) -> bool:
        """Whether a public author's post would be seen, were it known that the author is one."""
        if await people.find_profiles(work, [post.author_id]):
            return False
        standings = await people.find_standings(work, reader_id, [post.author_id])
        return may_see(Surface.POST, standings[post.author_id], _subject_of(post))

    async def _view(self, work: Work, post: Post, reader_id: UUID, *, is_saving: bool) -> PostView:
        standings = await people.find_standings(work, reader_id, [post.author_id])
        profiles = await people.find_profiles(work, [post.author_id])
        [view] = await self._render(work, [post], reader_id, standings, profiles, is_saving=is_saving)
        return view

    async def _render(
        self,
        work: Work,
        found: Sequence[Post],
        reader_id: UUID,
        standings: Mapping[UUID, Standing],
        profiles: Mapping[UUID, people.Profile],
        *,
        is_saving: bool,
    ) -> list[PostView]:
        """Two statements however many posts: their words, and the media these name."""
        shown = {
            post.id: post.content_revision if post.author_id == reader_id else post.approved_revision for post in found
        }
        words = await posts.read_words_of(work, shown) if found else {}
        media_ids = [media_id for one in words.values() for media_id in one.media_ids]
        known = await media.find_many(work, media_ids) if media_ids else {}
        return [
            _view_of(
                post,
                words.get(post.id, NOTHING),
                known,
                profiles.get(post.author_id),
                standings[post.author_id],
                is_saving=is_saving,
            )
            for post in found
        ]


def _view_of(
    post: Post,
    words: Words,
    known: Mapping[UUID, Medium],
    profile: people.Profile | None,
    standing: Standing,
    *,
    is_saving: bool,
) -> PostView:
    is_own = standing.is_self
    card = render_post(post, words, known, is_saving=is_saving, with_unknown=is_own)
    return PostView(
        **msgspec.structs.asdict(card),
        author=render_author(post.author_id, profile),
        author_id=post.author_id,
        state=post.state,
        reject_code=post.reject_code if is_own else None,
        is_edit_pending=is_own and 0 < post.approved_revision < post.content_revision,
        counts=Counts(),
        viewer=Viewer(following=standing.follows),
    )


def _sees(surface: Surface, standing: Standing, post: Post, profile: people.Profile | None) -> bool:
    if profile is None:
        subject = _subject_of(post, author_is_unknown=True)
    else:
        subject = _subject_of(post, author_is_private=profile.is_private, author_is_gone=not profile.is_active)
    return may_see(surface, standing, subject)


def _subject_of(post: Post, **author: bool) -> Subject:
    return Subject(
        is_published=post.state is PostState.PUBLISHED,
        followers_only=post.visibility is Visibility.FOLLOWERS,
        **author,
    )


def _words(text: str, media_ids: Sequence[UUID]) -> Words:
    text = clean(text)
    if is_blank(text):
        text = ""
    if len(text) > LONGEST_TEXT:
        raise PostInvalid("text", f"at most {LONGEST_TEXT} characters")
    if len(set(media_ids)) != len(media_ids):
        raise PostInvalid("mediaIds", "each medium once")
    if not text and not media_ids:
        raise PostInvalid("text", "a post needs text or media")
    return Words(text=text, hashtags=list(find_hashtags(text)), media_ids=list(media_ids))


def _check_choice(field: str, choice: Visibility | ReplyPolicy) -> None:
    if choice.value == "UNKNOWN":
        raise PostInvalid(field, "no such choice")


async def _must_find(work: Work, post_id: UUID) -> Post:
    post = await posts.find(work, post_id)
    if post is None:
        raise PostNotFound
    return post
