"""Staff roles: given and taken from the command line, each act told with its reason in the same transaction."""

from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import msgspec

from daira_auth.domain.account import Person
from daira_auth.domain.phone import normalise
from daira_auth.domain.staff import ROLES
from daira_auth.repository import people, sessions
from daira_auth.repository.people import Held
from daira_auth.service.mint import Mint
from daira_contracts.auth import StaffActionRecordedV1
from daira_kit.errors import NotFound, ValidationFailed
from daira_stores.postgres import Database
from daira_stores.work import Work


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """`whom` is a user id or a phone number."""

    whom: str
    role: str
    actor: str
    reason: str


class StaffService:
    """A role given is in the tokens of the next refresh; a role taken ends the person's sessions at once."""

    def __init__(
        self,
        database: Database,
        mint: Mint,
        *,
        region: str,
        country_codes: Collection[int],
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._mint, self._clock = database, mint, clock
        self._region, self._country_codes = region, country_codes

    async def grant(self, act: Act) -> bool:
        """False when the person had the role. Raises ValidationFailed, NotFound, PhoneInvalid, CountryNotServed."""
        if act.role not in ROLES:
            raise ValidationFailed("There is no such role.")
        async with self._database.work() as work:
            person = await self._lock(work, act.whom)
            is_new = await people.put_role(work, person.id, act.role, self._clock())
            if is_new:
                await work.emit(self._told(act, person, "role.granted"))
        return is_new

    async def revoke(self, act: Act) -> bool:
        """False when the person had it not. Raises NotFound, PhoneInvalid, CountryNotServed."""
        now = self._clock()
        async with self._database.work() as work:
            person = await self._lock(work, act.whom)
            had_it = await people.remove_role(work, person.id, act.role)
            if had_it:
                for living in await sessions.lock_living(work, person.id, now):
                    await self._mint.end(work, living, "role_revoked")
                await work.emit(self._told(act, person, "role.revoked"))
        return had_it

    async def list(self) -> list[Held]:
        """Everybody with a role."""
        async with self._database.read() as work:
            return await people.read_all_roles(work)

    async def _lock(self, work: Work, whom: str) -> Person:
        user_id = None
        with suppress(ValueError):
            user_id = UUID(whom)
        if user_id is not None:
            person = await people.lock(work, user_id)
        else:
            person = await people.lock_by_phone(work, normalise(whom, self._region, self._country_codes))
        if person is None:
            raise NotFound("Nobody has logged in with this number, or has this id.")
        return person

    def _told(self, act: Act, person: Person, action: str) -> StaffActionRecordedV1:
        return StaffActionRecordedV1(
            occurred_at=self._clock(),
            actor=act.actor,
            action=action,
            subject_id=person.id,
            detail=act.role,
            reason=act.reason,
        )
