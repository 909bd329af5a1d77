"""People: a number, an id, and whether they asked to be forgotten."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from daira_auth.domain.account import Person
from daira_stores.work import Work


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One role of one person."""

    user_id: UUID
    role: str
    granted_at: datetime


async def put_new(work: Work, person: Person) -> bool:
    """False when the number already belongs to somebody."""
    cursor = await work.execute(
        """
        INSERT INTO person (id, phone, locale, registered_at) VALUES (%s, %s, %s, %s)
        ON CONFLICT (phone) DO NOTHING
        """,
        (person.id, person.phone, person.locale, person.registered_at),
    )
    return cursor.rowcount == 1


async def lock_by_phone(work: Work, phone: str) -> Person | None:
    """Whoever holds the number, locked until the transaction ends."""
    return _person(await work.one("SELECT * FROM person WHERE phone = %s FOR UPDATE", (phone,)))


async def lock(work: Work, user_id: UUID) -> Person | None:
    """The person, locked until the transaction ends."""
    return _person(await work.one("SELECT * FROM person WHERE id = %s FOR UPDATE", (user_id,)))


async def set_erasure(work: Work, user_id: UUID, erases_at: datetime | None) -> None:
    """When the person is to be erased, or None to take that back."""
    await work.execute("UPDATE person SET erases_at = %s WHERE id = %s", (erases_at, user_id))


async def remove(work: Work, user_id: UUID) -> None:
    """Delete the person with sessions, tokens and roles."""
    await work.execute("DELETE FROM person WHERE id = %s", (user_id,))


async def put_role(work: Work, user_id: UUID, role: str, granted_at: datetime) -> bool:
    """Give a staff role; False when the person has it."""
    cursor = await work.execute(
        "INSERT INTO staff_role (user_id, role, granted_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (user_id, role, granted_at),
    )
    return cursor.rowcount == 1


async def remove_role(work: Work, user_id: UUID, role: str) -> bool:
    """Take a staff role away; False when the person has it not."""
    cursor = await work.execute("DELETE FROM staff_role WHERE user_id = %s AND role = %s", (user_id, role))
    return cursor.rowcount == 1


async def read_all_roles(work: Work) -> list[Held]:
    """Everybody with a role, in a stable order."""
    rows = await work.all("SELECT user_id, role, granted_at FROM staff_role ORDER BY user_id, role")
    return [Held(**row) for row in rows]


async def read_roles(work: Work, user_id: UUID) -> list[str]:
    """Staff roles in a stable order; empty for nearly everybody."""
    rows = await work.all("SELECT role FROM staff_role WHERE user_id = %s ORDER BY role", (user_id,))
    return [row["role"] for row in rows]


def _person(row: dict[str, Any] | None) -> Person | None:
    return Person(**row) if row is not None else None
