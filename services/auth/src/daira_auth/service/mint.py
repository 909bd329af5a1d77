"""Opens sessions and mints pairs of tokens, inside the caller's transaction."""

from collections.abc import Callable
from datetime import datetime, timedelta
from secrets import token_bytes
from uuid import UUID

import msgspec

from daira_auth.domain.challenge import Device
from daira_auth.domain.sessions import (
    SECRET_BYTES,
    Presented,
    RefreshToken,
    Session,
    format_token,
    secret_hash,
)
from daira_auth.domain.staff import roles_in_token
from daira_auth.domain.tokens import access_claims, sign
from daira_auth.repository import people, sessions
from daira_auth.service.keys import KeyKeeper, Signer
from daira_contracts.auth import SessionRevokedV1
from daira_kit.ids import new_id
from daira_stores.work import Work

MOST_SESSIONS = 20
REVOCATION_SLACK = timedelta(minutes=2)


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What a client gets."""

    access_token: str
    refresh_token: str
    expires_in: int
    user_id: UUID
    is_new_user: bool = False


class Minted(msgspec.Struct, frozen=True, kw_only=True):
    """The pair and the id of its refresh token."""

    tokens: Tokens
    refresh_id: UUID


class Mint:
    """Signs access tokens and writes refresh tokens."""

    def __init__(
        self,
        keys: KeyKeeper,
        *,
        issuer: str,
        access_life: timedelta,
        session_life: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._keys, self._issuer, self._clock = keys, issuer, clock
        self._access_life, self._session_life = access_life, session_life

    async def signer(self) -> Signer:
        """The signing key, fetched before the transaction so that minting needs no second connection."""
        return await self._keys.current()

    async def open_session(self, work: Work, user_id: UUID, device: Device, signer: Signer) -> Tokens:
        """A new session with its first pair; the oldest goes when a person has too many."""
        now = self._clock()
        living = await sessions.lock_living(work, user_id, now)
        for oldest in living[: max(0, len(living) - MOST_SESSIONS + 1)]:
            await self.end(work, oldest, "too_many_sessions")
        session = Session(
            id=new_id(),
            user_id=user_id,
            device_id=device.id,
            platform=device.platform,
            authenticated_at=now,
            last_used_at=now,
            expires_at=now + self._session_life,
        )
        await sessions.put(work, session)
        return (await self.mint(work, session, signer)).tokens

    async def mint(self, work: Work, session: Session, signer: Signer) -> Minted:
        """The next pair of a session."""
        now = self._clock()
        refresh = Presented(new_id(), token_bytes(SECRET_BYTES))
        await sessions.put_token(
            work,
            RefreshToken(
                id=refresh.id,
                session_id=session.id,
                secret_sha256=secret_hash(refresh.secret),
                expires_at=now + self._session_life,
            ),
        )
        claims = access_claims(
            issuer=self._issuer,
            user_id=session.user_id,
            session_id=session.id,
            roles=roles_in_token(await people.read_roles(work, session.user_id)),
            issued_at=now,
            life=self._access_life,
        )
        tokens = Tokens(
            access_token=sign(claims, signer.key, signer.kid),
            refresh_token=format_token(refresh),
            expires_in=int(self._access_life.total_seconds()),
            user_id=session.user_id,
        )
        return Minted(tokens=tokens, refresh_id=refresh.id)

    async def extend(self, work: Work, session: Session) -> None:
        """A used session lives on."""
        now = self._clock()
        await sessions.extend(work, session.id, now, now + self._session_life)

    async def end(self, work: Work, session: Session, reason: str) -> None:
        """Revoke a session and tell every service; one already revoked is left alone."""
        if session.revoked_at is not None:
            return
        now = self._clock()
        await sessions.revoke(work, session.id, now)
        await work.emit(
            SessionRevokedV1(
                session_id=session.id,
                user_id=session.user_id,
                revoked_at=now,
                expires_at=now + self._access_life + REVOCATION_SLACK,
                reason=reason,
            )
        )
