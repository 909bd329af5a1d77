"""Signing keys. One advisory lock makes key keepers of several replicas queue."""

from typing import Any

from daira_auth.domain.keys import KeyRecord, KeyState
from daira_stores.work import Work

LOCK = 0x6B657973


async def lock_all(work: Work) -> list[KeyRecord]:
    """Every key, while nobody else may add or change one."""
    await work.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    return await read_all(work)


async def read_all(work: Work) -> list[KeyRecord]:
    """Every key, oldest first."""
    return [_key(row) for row in await work.all("SELECT * FROM signing_key ORDER BY not_before, kid")]


async def put(work: Work, key: KeyRecord) -> None:
    """Add a key or write its new state."""
    await work.execute(
        """
        INSERT INTO signing_key (kid, public_x, public_y, sealed_private, created_at, not_before, state, revision)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (kid) DO UPDATE SET state = excluded.state, revision = excluded.revision,
            sealed_private = excluded.sealed_private
        """,
        (
            key.kid,
            key.public_x,
            key.public_y,
            key.sealed_private,
            key.created_at,
            key.not_before,
            key.state.value,
            key.revision,
        ),
    )


def _key(row: dict[str, Any]) -> KeyRecord:
    return KeyRecord(**{**row, "state": KeyState(row["state"])})
