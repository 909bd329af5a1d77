"""What providers report of calls and messages they had accepted: what did not arrive goes over the next channel."""

from collections.abc import Callable
from datetime import datetime

from daira_auth.adapters.sinch import Signed, SinchCallbacks
from daira_auth.adapters.whatsapp import WhatsAppCallbacks
from daira_auth.domain.challenge import ORDER, Channel
from daira_auth.metrics import SENDS
from daira_auth.repository import challenges
from daira_auth.service.login import UNDELIVERED, LoginService
from daira_stores.postgres import Database


class Receipts:
    """Only the newest message of an open challenge counts, and once: repeats and replays change nothing."""

    def __init__(
        self,
        database: Database,
        logins: LoginService,
        whatsapp: WhatsAppCallbacks,
        sinch: SinchCallbacks,
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._logins, self._clock = database, logins, clock
        self._whatsapp, self._sinch = whatsapp, sinch

    def shake_hands(self, mode: str, token: str) -> None:
        """Meta asks whether the webhook is ours. Raises SignatureInvalid when it is not Meta who asks."""
        self._whatsapp.check_handshake(mode, token)

    async def hear_whatsapp(self, signature: str, body: bytes) -> None:
        """Raises SignatureInvalid."""
        for message_id in self._whatsapp.failed(signature, body):
            await self._give_up(message_id, Channel.WHATSAPP_OTP)

    async def hear_sinch(self, authorization: str, signed: Signed) -> None:
        """Raises SignatureInvalid."""
        call_id = self._sinch.unreached(authorization, signed)
        if call_id is not None:
            await self._give_up(call_id, Channel.FLASH_CALL)

    async def _give_up(self, provider_ref: str, channel: Channel) -> None:
        following = ORDER[ORDER.index(channel) + 1]
        async with self._database.work() as work:
            found = await challenges.lock_undelivered(work, provider_ref, channel, self._clock())
            if found is None:
                return
            await challenges.hold_resend(work, found.id, self._logins.resend_at(following))
            await work.enqueue(UNDELIVERED, str(found.id), provider_ref)
        SENDS.labels(channel.value, "undelivered").inc()
