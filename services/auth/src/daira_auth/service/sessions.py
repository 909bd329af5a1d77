"""Refreshing, listing and ending sessions."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from daira_auth.domain import secrets
from daira_auth.domain import sessions as rules
from daira_auth.domain.sessions import Presented, RefreshToken, Session, Verdict
from daira_auth.errors import RefreshInvalid, RefreshReused
from daira_auth.metrics import REFRESHES
from daira_auth.repository import sessions
from daira_auth.repository.budgets import Budgets, BudgetsUnavailable
from daira_auth.service.keys import Signer
from daira_auth.service.mint import Mint, Tokens
from daira_kit.cursors import CursorCodec
from daira_kit.errors import NotFound
from daira_kit.pages import Page
from daira_stores.postgres import Database
from daira_stores.work import Work

CURSOR = "auth.sessions"


class SessionService:
    """The session's row is locked for each change of its chain, so parallel refreshes see one another."""

    def __init__(
        self,
        database: Database,
        budgets: Budgets,
        mint: Mint,
        cursors: CursorCodec,
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._budgets, self._mint = database, budgets, mint
        self._cursors, self._clock = cursors, clock

    async def refresh(self, text: str, device_id: str | None, user_agent: str, address: str) -> Tokens:
        """Exchange a refresh token.

        A retry of the last exchange (same sender, within ten seconds, successor unused) gives the same pair; any
        other reuse ends the session. Raises RefreshInvalid, RefreshReused, SendLimitReached and Unavailable.
        """
        presented = rules.parse_token(text)
        with suppress(BudgetsUnavailable):  # 256 random bits need no counter: sessions outlive an outage of Redis
            await self._budgets.spend((("refresh.address", address),))
        signer = await self._mint.signer()
        sender = rules.fingerprint(device_id, user_agent)
        async with self._database.work() as work:
            session, token = await self._proven(work, presented)
            if not rules.device_agrees(session, device_id):
                raise RefreshInvalid
            verdict = rules.judge(session, token, sender, self._clock())
            if verdict is Verdict.REVOKE:
                await self._mint.end(work, session, "refresh_reused")
                tokens = None
            elif verdict is Verdict.REPEAT:
                key = secrets.answer_key(presented.secret)
                tokens = secrets.unseal(key, token.sealed_answer or "", Tokens)
            else:
                tokens = await self._rotate(work, session, presented, sender, signer)
        REFRESHES.labels(verdict.value.lower()).inc()
        if tokens is None:  # raised only now: the revocation had to be committed
            raise RefreshReused
        return tokens

    async def read(self, user_id: UUID, cursor: str | None, limit: int) -> Page[Session]:
        """Living sessions, newest first. Raises CursorInvalid."""
        before = self._cursors.decode(CURSOR, user_id, cursor, UUID) if cursor else None
        async with self._database.read() as work:
            found = await sessions.read_living(work, user_id, self._clock(), before, limit + 1)
        items, has_more = found[:limit], len(found) > limit
        following = self._cursors.encode(CURSOR, user_id, items[-1].id) if has_more else None
        return Page(items=items, next_cursor=following, has_more=has_more)

    async def end(self, user_id: UUID, session_id: UUID, reason: str) -> None:
        """End one's own session; ending it again is fine. Raises NotFound for anybody else's."""
        async with self._database.work() as work:
            session = await sessions.lock(work, session_id)
            if session is None or session.user_id != user_id:
                raise NotFound
            await self._mint.end(work, session, reason)

    async def _proven(self, work: Work, presented: Presented) -> tuple[Session, RefreshToken]:
        session_id = await sessions.find_session_of(work, presented.id)
        session = await sessions.lock(work, session_id) if session_id is not None else None
        token = await sessions.read_token(work, presented.id)
        if session is None or token is None or not rules.proves(token, presented):
            raise RefreshInvalid
        return session, token

    async def _rotate(
        self, work: Work, session: Session, presented: Presented, sender: bytes, signer: Signer
    ) -> Tokens:
        minted = await self._mint.mint(work, session, signer)
        await sessions.mark_used(
            work,
            presented.id,
            now=self._clock(),
            used_by=sender,
            successor_id=minted.refresh_id,
            sealed_answer=secrets.seal(secrets.answer_key(presented.secret), minted.tokens),
        )
        await self._mint.extend(work, session)
        return minted.tokens
