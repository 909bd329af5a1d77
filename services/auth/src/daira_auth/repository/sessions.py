"""Sessions and their chains of refresh tokens. The session's row is the lock of its chain."""

from datetime import datetime
from typing import Any
from uuid import UUID

from daira_auth.domain.sessions import RefreshToken, Session
from daira_stores.work import Work


async def put(work: Work, session: Session) -> None:
    """A new session."""
    await work.execute(
        """
        INSERT INTO session (id, user_id, device_id, platform, authenticated_at, last_used_at, expires_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        (
            session.id,
            session.user_id,
            session.device_id,
            session.platform,
            session.authenticated_at,
            session.last_used_at,
            session.expires_at,
        ),
    )


async def find(work: Work, session_id: UUID) -> Session | None:
    """The session, living or not."""
    return _session(await work.one("SELECT * FROM session WHERE id = %s", (session_id,)))


async def lock(work: Work, session_id: UUID) -> Session | None:
    """The session, held until the transaction ends."""
    return _session(await work.one("SELECT * FROM session WHERE id = %s FOR UPDATE", (session_id,)))


async def read_living(work: Work, user_id: UUID, now: datetime, before: UUID | None, limit: int) -> list[Session]:
    """Living sessions, newest first, older than the session `before`."""
    rows = await work.all(
        """
        SELECT * FROM session
        WHERE user_id = %(user)s AND revoked_at IS NULL AND expires_at > %(now)s
          AND (%(before)s::uuid IS NULL OR id < %(before)s)
        ORDER BY id DESC LIMIT %(limit)s
        """,
        {"user": user_id, "now": now, "before": before, "limit": limit},
    )
    return [Session(**row) for row in rows]


async def lock_living(work: Work, user_id: UUID, now: datetime) -> list[Session]:
    """All living sessions of a person, held until the transaction ends, oldest first."""
    rows = await work.all(
        """
        SELECT * FROM session WHERE user_id = %s AND revoked_at IS NULL AND expires_at > %s
        ORDER BY id FOR UPDATE
        """,
        (user_id, now),
    )
    return [Session(**row) for row in rows]


async def revoke(work: Work, session_id: UUID, now: datetime) -> None:
    """The session is over; answers kept for a retry go at once."""
    await work.execute("UPDATE session SET revoked_at = %s WHERE id = %s", (now, session_id))
    await work.execute("UPDATE refresh_token SET sealed_answer = NULL WHERE session_id = %s", (session_id,))


async def extend(work: Work, session_id: UUID, now: datetime, expires_at: datetime) -> None:
    """The session was used."""
    await work.execute(
        "UPDATE session SET last_used_at = %s, expires_at = %s WHERE id = %s", (now, expires_at, session_id)
    )


async def put_token(work: Work, token: RefreshToken) -> None:
    """A new end of the chain."""
    await work.execute(
        "INSERT INTO refresh_token (id, session_id, secret_sha256, expires_at) VALUES (%s, %s, %s, %s)",
        (token.id, token.session_id, token.secret_sha256, token.expires_at),
    )


async def find_session_of(work: Work, token_id: UUID) -> UUID | None:
    """Which session a token belongs to: the lock is taken there, then the token is read."""
    row = await work.one("SELECT session_id FROM refresh_token WHERE id = %s", (token_id,))
    return row["session_id"] if row is not None else None


async def read_token(work: Work, token_id: UUID) -> RefreshToken | None:
    """The token, and whether its successor was used."""
    row = await work.one(
        """
        SELECT t.*, coalesce(next.used_at IS NOT NULL, false) AS successor_used
        FROM refresh_token t LEFT JOIN refresh_token next ON next.id = t.successor_id
        WHERE t.id = %s
        """,
        (token_id,),
    )
    return RefreshToken(**row) if row is not None else None


async def mark_used(
    work: Work, token_id: UUID, *, now: datetime, used_by: bytes, successor_id: UUID, sealed_answer: str
) -> None:
    """The token was exchanged for its successor."""
    await work.execute(
        """
        UPDATE refresh_token SET used_at = %s, used_by = %s, successor_id = %s, sealed_answer = %s WHERE id = %s
        """,
        (now, used_by, successor_id, sealed_answer, token_id),
    )


async def sweep(work: Work, *, sealed_before: datetime, ended_before: datetime) -> None:
    """Forget answers nobody may ask for again, and sessions that ended long ago with their tokens."""
    await work.execute(
        "UPDATE refresh_token SET sealed_answer = NULL WHERE sealed_answer IS NOT NULL AND used_at < %s",
        (sealed_before,),
    )
    await work.execute(
        "DELETE FROM session WHERE expires_at < %(before)s OR revoked_at < %(before)s", {"before": ended_before}
    )


def _session(row: dict[str, Any] | None) -> Session | None:
    return Session(**row) if row is not None else None
