"""Signing keys. One advisory lock makes key keepers of several replicas queue."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from daira_auth.domain.keys import KeyRecord, KeyState
from daira_contracts.auth import SigningKeyChangedV1
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
            not_before = excluded.not_before, sealed_private = excluded.sealed_private
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


async def first_published(work: Work, kids: Sequence[str]) -> dict[str, datetime | None]:
    """When the relay first published news of each key, None for not yet; a kid is missing when its rows are swept."""
    rows = await work.all(
        "SELECT key, min(published_at) AS at FROM outbox WHERE topic = %s AND key = ANY(%s) GROUP BY key",
        (SigningKeyChangedV1.topic, list(kids)),
    )
    return {row["key"]: row["at"] for row in rows}


def _key(row: dict[str, Any]) -> KeyRecord:
    return KeyRecord(**{**row, "state": KeyState(row["state"])})
