"""Rows of whose uploads need other URLs."""

from uuid import UUID

from daira_audience.domain import Narrowing
from daira_stores.work import Work

_COLUMNS = "author_id, is_of_all, first_at, last_at"
_PUT = """
INSERT INTO narrowing (author_id, is_of_all, first_at, last_at) VALUES (%s, %s, clock_timestamp(), clock_timestamp())
ON CONFLICT (author_id) DO UPDATE SET is_of_all = narrowing.is_of_all OR excluded.is_of_all,
    last_at = greatest(clock_timestamp(), narrowing.last_at + interval '1 microsecond')
RETURNING xmax = 0 AS is_first
"""
_FIND = f"SELECT {_COLUMNS} FROM narrowing WHERE author_id = %s"  # noqa: S608 - _COLUMNS is a constant
_REMOVE = "DELETE FROM narrowing WHERE author_id = %s AND last_at = %s"
_SHORTEN = "UPDATE narrowing SET first_at = %s WHERE author_id = %s RETURNING 1 AS one"
_FORGET = "DELETE FROM narrowing WHERE author_id = %s"


async def put(work: Work, author_id: UUID, *, is_of_all: bool) -> bool:
    """Somebody lost sight of a person's uploads; True when no earlier loss waits for an answer."""
    row = await work.one(_PUT, (author_id, is_of_all))
    assert row is not None
    return bool(row["is_first"])


async def find(work: Work, author_id: UUID) -> Narrowing | None:
    """What waits for an answer."""
    row = await work.one(_FIND, (author_id,))
    return None if row is None else Narrowing(**row)


async def settle(work: Work, answered: Narrowing) -> bool:
    """Every loss up to `answered` has its answer; False when there were more of them meanwhile."""
    if (await work.execute(_REMOVE, (answered.author_id, answered.last_at))).rowcount == 1:
        return True
    return await work.one(_SHORTEN, (answered.last_at, answered.author_id)) is None


async def remove(work: Work, author_id: UUID) -> None:
    """Forget an erased person's."""
    await work.execute(_FORGET, (author_id,))
