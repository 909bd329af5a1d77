"""The beginning and the end of a person."""

from datetime import datetime, timedelta
from uuid import UUID

from msgspec.structs import replace

from daira_contracts.user import SettingsChangedV1
from daira_kit.clock import now
from daira_observe.logs import get_logger
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_user.domain import handles
from daira_user.domain.profiles import Profile, TextState, after_verdict
from daira_user.domain.relations import Relation
from daira_user.repository import handles as handle_rows
from daira_user.repository import profiles as rows
from daira_user.repository import relations as relation_rows
from daira_user.service.events import tell_profile, tell_profile_removed, tell_relation

logger = get_logger(__name__)
FORGET = "forget-relations"
BATCH = 200
ATTEMPTS = 50


class People:
    """Registers on auth's word, erases on auth's word, and heeds moderation's verdicts about a profile's text."""

    def __init__(self, database: Database, *, hold: timedelta, secret: str) -> None:
        """`hold`: how long an erased person's handle is kept from others; `secret` hides which handles are held."""
        self._database, self._hold, self._secret = database, hold, secret

    async def register(self, work: Work, user_id: UUID, locale: str, registered_at: datetime) -> None:
        """Give a new person a profile with a handle of ours; twice, or after the erasure, changes nothing."""
        await rows.lock_person(work, user_id)
        if await rows.is_erased(work, user_id) or await rows.find(work, user_id) is not None:
            return
        profile = Profile(
            user_id=user_id,
            revision=1,
            handle="",
            handle_key="",
            locale=locale,
            created_at=registered_at,
            updated_at=registered_at,
        )
        profile = await self._with_free_handle(work, profile)
        await rows.put_new(work, profile)
        await tell_profile(work, profile)

    async def erase(self, work: Work, user_id: UUID, erased_at: datetime) -> None:
        """The profile is gone at once; relations, which may be many, follow as a job."""
        await rows.lock_person(work, user_id)
        if not await rows.put_erased(work, user_id, erased_at):
            return
        profile = await rows.lock(work, user_id)
        await rows.remove(work, user_id)
        await handle_rows.forget_holder(work, user_id)
        await work.forget_answers(user_id)
        if profile is not None:
            held = handles.digest(profile.handle_key, self._secret)
            await handle_rows.hold(work, held, None, erased_at + self._hold)
            await tell_profile_removed(work, profile)
        await work.emit_tombstone(SettingsChangedV1, SettingsChangedV1.key_of(user_id))
        await work.enqueue(FORGET, str(user_id))

    async def forget_relations(self, user_id: UUID) -> None:
        """Remove every relation of an erased person and tell it, some at a time; can be repeated anywhere."""
        while True:
            async with self._database.work() as work:
                others = await relation_rows.others_of(work, user_id, BATCH)
                await relation_rows.lock_pairs(work, user_id, others)
                changes = [change for other in others for change in await _part(work, user_id, other)]
                await relation_rows.count(work, changes)
                if not others:
                    await relation_rows.remove_counts(work, user_id)
                    return

    async def heed_verdict(
        self, work: Work, user_id: UUID, judged: int, state: TextState | None, *, code: str, handle_refused: bool
    ) -> None:
        """Others see a text once it passed, and no longer when it does not pass any more.

        `state` None: nothing was said about the text; `code`: why it is REJECTED. A refused handle gives way to one of
        ours; that is a new text.
        """
        before = await rows.lock(work, user_id)
        if before is None:
            return
        after = after_verdict(before, judged, state, code) if state is not None else before
        if handle_refused and judged == before.text_revision:
            after = replace(await self._with_free_handle(work, after), text_revision=before.revision + 1)
        if (after.shown, after.handle) == (before.shown, before.handle):
            await rows.write(work, after)
            return
        told = replace(after, revision=before.revision + 1, updated_at=now())
        await rows.write(work, told)
        await tell_profile(work, told)
        logger.info("profile_judged", user_id=str(user_id), state=after.text_state.value, handle=handle_refused)

    async def _with_free_handle(self, work: Work, profile: Profile) -> Profile:
        for attempt in range(ATTEMPTS):
            handle = handles.automatic(str(profile.user_id), attempt)
            key = handles.key_of(handle)
            await handle_rows.lock_key(work, key)
            if await handle_rows.owner(work, key) in (None, profile.user_id):
                return replace(profile, handle=handle, handle_key=key)
        raise RuntimeError(f"no free handle for {profile.user_id}")

    async def drop_old_holds(self) -> int:
        """Handles that were kept back long enough are free again."""
        async with self._database.work() as work:
            return await handle_rows.drop_old_holds(work, now())


async def _part(work: Work, erased: UUID, other: UUID) -> list[tuple[UUID, UUID, int, int]]:
    pair = await relation_rows.pair(work, erased, other)
    for direction in (pair.mine, pair.theirs):
        if not direction.is_empty:
            gone = Relation(actor_id=direction.actor_id, target_id=direction.target_id)
            revision = await relation_rows.write(work, gone, now())
            await tell_relation(work, gone, revision)
    return relation_rows.differences(pair, None)
