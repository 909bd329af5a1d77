"""Challenges: every count is one statement, so parallel guesses cannot share an attempt."""

from datetime import datetime
from typing import Any
from uuid import UUID

from daira_auth.domain.challenge import Challenge, ChallengeState, Channel, Device
from daira_stores.work import Work


async def put(work: Work, made: Challenge) -> None:
    """A new challenge, before anything is sent."""
    await work.execute(
        """
        INSERT INTO challenge (id, phone, device_id, platform, can_read_caller_id, locale, channel, checks_left,
            sent_at, resend_at, expires_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            made.id,
            made.phone,
            made.device.id,
            made.device.platform,
            made.device.can_read_caller_id,
            made.locale,
            made.channel.value,
            made.checks_left,
            made.sent_at,
            made.resend_at,
            made.expires_at,
        ),
    )


async def find(work: Work, challenge_id: UUID) -> Challenge | None:
    """The challenge as it is."""
    return _challenge(await work.one("SELECT * FROM challenge WHERE id = %s", (challenge_id,)))


async def lock(work: Work, challenge_id: UUID) -> Challenge | None:
    """The challenge, held until the transaction ends."""
    return _challenge(await work.one("SELECT * FROM challenge WHERE id = %s FOR UPDATE", (challenge_id,)))


async def hold_resend(work: Work, challenge_id: UUID, until: datetime) -> None:
    """Nobody else may ask for the next channel before `until`; what was sent is given up."""
    await work.execute(
        "UPDATE challenge SET resend_at = %s, undelivered_ref = provider_ref WHERE id = %s", (until, challenge_id)
    )


async def lock_undelivered(work: Work, provider_ref: str, channel: Channel, now: datetime) -> Challenge | None:
    """The open challenge whose newest message this is, unless it was given up; held until the transaction ends."""
    return _challenge(
        await work.one(
            """
            SELECT * FROM challenge
            WHERE provider_ref = %s AND channel = %s AND undelivered_ref IS DISTINCT FROM provider_ref
                AND state = 'OPEN' AND checks_left > 0 AND expires_at > %s
            FOR UPDATE
            """,
            (provider_ref, channel.value, now),
        )
    )


async def arm(work: Work, armed: Challenge) -> None:
    """Something was sent: from now on only its code counts."""
    await work.execute(
        """
        UPDATE challenge SET channel = %s, code_mac = %s, provider_ref = %s, sent_at = %s, resend_at = %s
        WHERE id = %s
        """,
        (
            armed.channel.value,
            armed.code_mac,
            armed.provider_ref,
            armed.sent_at,
            armed.resend_at,
            armed.id,
        ),
    )


async def take_check(work: Work, challenge_id: UUID, now: datetime) -> Challenge | None:
    """Spend one check before comparing; None when there is none to spend (or no such challenge)."""
    return _challenge(
        await work.one(
            """
            UPDATE challenge SET checks_left = checks_left - 1
            WHERE id = %s AND state = 'OPEN' AND checks_left > 0 AND expires_at > %s
            RETURNING *
            """,
            (challenge_id, now),
        )
    )


async def give_check_back(work: Work, challenge_id: UUID) -> None:
    """The provider could not say: nothing was learnt, so nothing is spent."""
    await work.execute("UPDATE challenge SET checks_left = checks_left + 1 WHERE id = %s", (challenge_id,))


async def close(work: Work, challenge_id: UUID) -> bool:
    """Mark it verified; False when somebody else was first. The code is forgotten."""
    cursor = await work.execute(
        "UPDATE challenge SET state = 'VERIFIED', code_mac = NULL WHERE id = %s AND state = 'OPEN'",
        (challenge_id,),
    )
    return cursor.rowcount == 1


async def sweep(work: Work, before: datetime) -> None:
    """Forget challenges that expired before `before`, with their numbers."""
    await work.execute("DELETE FROM challenge WHERE expires_at < %s", (before,))


async def forget_number(work: Work, phone: str) -> None:
    """Delete every challenge of a number."""
    await work.execute("DELETE FROM challenge WHERE phone = %s", (phone,))


def _challenge(row: dict[str, Any] | None) -> Challenge | None:
    if row is None:
        return None
    return Challenge(
        id=row["id"],
        phone=row["phone"],
        device=Device(id=row["device_id"], platform=row["platform"], can_read_caller_id=row["can_read_caller_id"]),
        locale=row["locale"],
        channel=Channel(row["channel"]),
        state=ChallengeState(row["state"]),
        checks_left=row["checks_left"],
        code_mac=row["code_mac"],
        provider_ref=row["provider_ref"],
        sent_at=row["sent_at"],
        resend_at=row["resend_at"],
        expires_at=row["expires_at"],
    )
