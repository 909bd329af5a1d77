"""Follow, ask, accept, block, mute: one transaction for both directions of a pair."""

from collections.abc import Callable
from uuid import UUID

from daira_kit.clock import now
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_user.domain import relations as rules
from daira_user.domain.profiles import Profile
from daira_user.domain.relations import Follow, Pair, Relation
from daira_user.errors import NotWithYourself, PersonNotFound, RequestNotFound, UnblockFirst
from daira_user.repository import profiles
from daira_user.repository import relations as rows
from daira_user.service.events import tell_relation
from daira_user.service.fresh import find_fresh

BATCH = 200
Step = Callable[[Pair], Pair]
Meeting = Callable[[Pair, bool], Pair]


class Relations:
    """Every step is idempotent: a repeat answers the same and tells nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def follow(self, me: UUID, other: UUID) -> Relation:
        """Follow, or ask a private account to. Raises PersonNotFound, NotWithYourself, UnblockFirst, NotYetVisible."""
        return await self._with(me, other, _may_follow)

    async def unfollow(self, me: UUID, other: UUID) -> Relation:
        """Stop following or take the request back; works also after the other is gone."""
        return (await self._change(me, other, rules.unfollow)).mine

    async def accept(self, me: UUID, requester: UUID) -> Relation:
        """Let somebody who asked follow; fine when they do already. Raises RequestNotFound. Returns theirs."""
        return (await self._change(me, requester, _accepted)).theirs

    async def decline(self, me: UUID, requester: UUID) -> Relation:
        """Refuse who asked; fine when there is no request any more. Returns theirs."""
        return (await self._change(me, requester, rules.decline)).theirs

    async def block(self, me: UUID, other: UUID) -> Relation:
        """End every follow and request between the two. Raises PersonNotFound, NotWithYourself, NotYetVisible."""
        return await self._with(me, other, lambda pair, _is_private: rules.block(pair))

    async def unblock(self, me: UUID, other: UUID) -> Relation:
        """What the block ended does not come back."""
        return (await self._change(me, other, rules.unblock)).mine

    async def mute(self, me: UUID, other: UUID) -> Relation:
        """Hear nothing of somebody without their knowing. Raises PersonNotFound, NotWithYourself, NotYetVisible."""
        return await self._with(me, other, _may_mute)

    async def unmute(self, me: UUID, other: UUID) -> Relation:
        """Hear of them again."""
        return (await self._change(me, other, lambda pair: rules.mute(pair, on=False))).mine

    async def open_requests(self, user_id: UUID) -> None:
        """In an account that became public nobody need wait: all requests are accepted, some at a time."""
        while True:
            async with self._database.work() as work:
                if (await profiles.share(work, [user_id])).get(user_id, True):
                    return
                waiting = await rows.requesters(work, user_id, BATCH)
                await rows.lock_pairs(work, user_id, waiting)
                changes = []
                for requester in waiting:
                    before = await rows.pair(work, user_id, requester)
                    changes += await _write(work, before, rules.accept(before, now()))
                await rows.count(work, changes)
                if not waiting:
                    return

    async def _change(self, me: UUID, other: UUID, step: Step) -> Pair:
        if me == other:
            raise NotWithYourself
        async with self._database.work() as work:
            await rows.lock_pairs(work, me, [other])
            before = await rows.pair(work, me, other)
            after = step(before)
            await rows.count(work, await _write(work, before, after))
            return after

    async def _with(self, me: UUID, other: UUID, step: Meeting) -> Relation:
        """One's own direction after `step(pair, other's account is private)`, with somebody who exists."""
        if me == other:
            raise NotWithYourself
        after = await self._meet(me, other, step)
        if after is None:
            await self._await_both(me, other)
            after = await self._meet(me, other, step)
        if after is None:
            raise PersonNotFound
        return after.mine

    async def _meet(self, me: UUID, other: UUID, step: Meeting) -> Pair | None:
        """None when one of the two is not known."""
        async with self._database.work() as work:
            people = await profiles.share(work, [me, other])
            if len(people) < 2:
                return None
            await rows.lock_pairs(work, me, [other])
            before = await rows.pair(work, me, other)
            after = step(before, people[other])
            await rows.count(work, await _write(work, before, after))
            return after

    async def _await_both(self, *people: UUID) -> None:
        """Just registered people may be a moment away; nothing is held open while waiting. Raises NotYetVisible."""
        for user_id in people:

            async def look(user_id: UUID = user_id) -> Profile | None:
                async with self._database.read() as work:
                    return await profiles.find(work, user_id)

            if await find_fresh(user_id, look) is None:
                raise PersonNotFound


async def _write(work: Work, before: Pair, after: Pair) -> list[tuple[UUID, UUID, int, int]]:
    """Write and tell what differs; returns what is to be counted, last in the transaction."""
    for old, new in ((before.mine, after.mine), (before.theirs, after.theirs)):
        if new != old:
            revision = await rows.write(work, new, now())
            await tell_relation(work, new, revision)
    return rows.differences(before, after)


def _may_follow(pair: Pair, is_private: bool) -> Pair:
    if pair.theirs.blocks:
        raise PersonNotFound
    if pair.mine.blocks:
        raise UnblockFirst
    return rules.follow(pair, is_private=is_private, at=now())


def _may_mute(pair: Pair, _is_private: bool) -> Pair:
    if pair.theirs.blocks:
        raise PersonNotFound
    return rules.mute(pair, on=True)


def _accepted(pair: Pair) -> Pair:
    if pair.theirs.follow is Follow.NONE:
        raise RequestNotFound
    return rules.accept(pair, now())
