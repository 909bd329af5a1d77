"""What user tells: stored in the handler's transaction, brought to Redis by jobs that look at what is true now."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from daira_contracts.user import FollowState, ProfileChangedV1, RelationChangedV1, SettingsChangedV1
from daira_feed.domain.celebrity import next_mode
from daira_feed.repository import audience, people
from daira_feed.repository.audience import Author, Reader
from daira_feed.repository.cards import GONE, LIMITED, PLAIN, Cards
from daira_feed.repository.circles import BLOCKED_BY, BLOCKS, MUTES, UNFOLLOWED, Circles
from daira_feed.repository.people import Relation
from daira_feed.service.rendering import render_author
from daira_feed.service.switching import SWITCH
from daira_kit.clock import now
from daira_stores.postgres import Database
from daira_stores.work import Work

TIE = "tie"
AUTHOR_CARD = "author-card"
READER_STATE = "reader-state"


class People:
    """`threshold` of followers from which an author is a celebrity."""

    def __init__(
        self, database: Database, circles: Circles, cards: Cards, *, threshold: int, inactive_seconds: int
    ) -> None:
        self._database, self._circles, self._cards = database, circles, cards
        self._threshold, self._inactive = threshold, timedelta(seconds=inactive_seconds)

    async def remember_profile(self, work: Work, event: ProfileChangedV1) -> None:
        """Cards show the newest name."""
        if await people.put_profiles(work, [event]):
            await work.enqueue(AUTHOR_CARD, str(event.user_id))

    async def forget_profile(self, work: Work, user_id: UUID) -> None:
        """The profile's key left its topic."""
        await people.remove_profiles(work, [user_id])
        await work.enqueue(AUTHOR_CARD, str(user_id))

    async def remember_settings(self, work: Work, event: SettingsChangedV1) -> None:
        """Data saver."""
        if await audience.put_settings(work, [event]):
            await work.enqueue(READER_STATE, str(event.user_id))

    async def remember_relation(self, work: Work, event: RelationChangedV1) -> None:
        """Follow, unfollow, block, mute; older news than what is known changes nothing."""
        if await people.is_erased(work, event.actor_id, event.target_id):
            return
        held = await people.lock_relation(work, event.actor_id, event.target_id)
        if held is not None and held.revision >= event.revision:
            return
        await people.put_relations(work, [event])
        change = (event.follow is FollowState.FOLLOWING) - (held is not None and held.follows)
        await self._after_relation(work, event.actor_id, event.target_id, change)
        if event.blocks != (held is not None and held.blocks):
            # A block also says what the other one may read.
            await work.enqueue(TIE, f"{event.target_id}:{event.actor_id}")

    async def forget_relation(self, work: Work, actor_id: UUID, target_id: UUID) -> None:
        """The pair's key left its topic, usually after nothing was left between the two: then there is nothing to do.

        A revision of our own would be the very one that the next follow has.
        """
        held = await people.lock_relation(work, actor_id, target_id)
        if held is not None and (held.follows or held.blocks or held.mutes):
            await people.clear_relations(work, [(actor_id, target_id)])
            await self._after_relation(work, actor_id, target_id, -int(held.follows))
            await work.enqueue(TIE, f"{target_id}:{actor_id}")

    async def tie_all(self, work: Work, pairs: Sequence[tuple[UUID, UUID]]) -> None:
        """After the relations of many pairs were corrected: a block also says what the other one may read."""
        await work.enqueue_many(TIE, sorted({f"{one}:{two}" for a, b in pairs for one, two in ((a, b), (b, a))}))

    async def recount(self, work: Work, *, readers: Sequence[UUID], authors: Sequence[UUID]) -> None:
        """After counts were corrected."""
        await audience.raise_following_revisions(work, readers)
        await work.enqueue_many(READER_STATE, [str(user_id) for user_id in readers])
        for author_id in authors:
            await self._follow_count(work, await audience.find_author(work, author_id))

    async def tie(self, actor_id: UUID, target_id: UUID) -> None:
        """Bring both people's Circles in line with how the first stands to the second now."""
        await self._tie(actor_id, target_id)
        await self._forget_erased(actor_id, target_id)

    async def _tie(self, actor_id: UUID, target_id: UUID) -> None:
        async with self._database.read() as work:
            held = await people.find_relation(work, actor_id, target_id)
            if held is None:
                return
            standings = await people.find_standings(work, actor_id, [target_id])
            actor = await audience.find_reader(work, actor_id)
            target = await audience.find_reader(work, target_id)
            author = await audience.find_author(work, target_id)
            timeline = await audience.read_timeline(work, target_id) if held.follows else []
        if self._is_active(target):
            await self._circles.put_standing(target_id.hex, actor_id.hex, "<", blocked_flags(held), held.revision)
        if not self._is_active(actor):
            return
        reader, other = actor_id.hex, target_id.hex
        await self._circles.put_standing(reader, other, ">", own_flags(held), held.revision)
        await self._circles.put_state(reader, "following", actor.following, actor.following_revision)
        standing = standings[target_id]
        if standing.follows and not standing.blocks and not standing.blocked_by:
            if author.mode.is_pulled:
                await self._circles.add_star([reader], other)
            if author.mode.pushes:
                await self._circles.add(reader, timeline)
        else:
            await self._circles.remove_star([reader], other)
            await self._circles.remove_author(reader, other)

    async def put_author_card(self, user_id: UUID) -> None:
        """The author as all cards show them."""
        async with self._database.read() as work:
            profile = (await people.find_profiles(work, [user_id])).get(user_id)
        if profile is None:
            await self._cards.drop_author(user_id)
        else:
            await put_author_card(self._cards, user_id, profile)
        await self._forget_erased(user_id)

    async def put_reader_state(self, user_id: UUID) -> None:
        """Settings and counts that a read needs."""
        async with self._database.read() as work:
            reader = await audience.find_reader(work, user_id)
        if self._is_active(reader):
            await self._circles.put_state(user_id.hex, "saver", reader.data_saver.value, reader.settings_revision)
            await self._circles.put_state(user_id.hex, "following", reader.following, reader.following_revision)
        await self._forget_erased(user_id)

    async def _forget_erased(self, *user_ids: UUID) -> None:
        # The erasure may have gone through between our look at the database and our write: who writes last looks again.
        async with self._database.read() as work:
            gone = [user_id for user_id in user_ids if await people.is_erased(work, user_id)]
        for user_id in gone:
            await self._cards.forget_author(user_id)
            await self._circles.forget(user_id.hex)

    async def _after_relation(self, work: Work, actor_id: UUID, target_id: UUID, change: int) -> None:
        if change:
            await audience.add_following(work, actor_id, change)
            author = await audience.add_followers(work, target_id, change)
            await self._follow_count(work, author)
        await work.enqueue(TIE, f"{actor_id}:{target_id}")

    async def _follow_count(self, work: Work, author: Author) -> None:
        mode = next_mode(author.mode, author.followers, self._threshold)
        if mode is not author.mode:
            await audience.put_mode(work, author.user_id, mode)
            await work.enqueue(SWITCH, str(author.user_id))

    def _is_active(self, reader: Reader) -> bool:
        # Nothing is kept for others: whoever returns is first made active, then rebuilt from what is true by then.
        return reader.active_at is not None and reader.active_at > now() - self._inactive


async def put_author_card(cards: Cards, user_id: UUID, profile: people.Profile | None) -> bytes:
    """Writes and returns the ready JSON. A person without a profile is shown by id until it arrives."""
    card, flag = author_card(user_id, profile)
    await cards.put_author(user_id, profile.revision if profile is not None else 0, card, flag)
    return card


def author_card(user_id: UUID, profile: people.Profile | None) -> tuple[bytes, str]:
    """The ready JSON and its flag."""
    flag = LIMITED  # also while nobody told whether the account is private
    if profile is not None and not (profile.is_active and profile.is_private):
        flag = PLAIN if profile.is_active else GONE
    return msgspec.json.encode(render_author(user_id, profile)), flag


def own_flags(held: Relation) -> int:
    """What the actor holds, as Circles keep it: following is the usual thing and no flag."""
    return UNFOLLOWED * (not held.follows) + BLOCKS * held.blocks + MUTES * held.mutes


def blocked_flags(held: Relation) -> int:
    """What the actor holds, seen from the target."""
    return BLOCKED_BY * held.blocks
