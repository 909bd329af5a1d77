"""Flash calls, WhatsApp and SMS that end in the inbox."""

import secrets
from collections import OrderedDict

from daira_kit.clock import now
from daira_kit.errors import Unavailable
from daira_sandbox.inbox import Inbox, Message

CALLS_REMEMBERED = 10_000
LOCAL_DIGITS = 7


class ProviderDown(Unavailable):
    """The sandbox was told to fail on this channel."""

    code = "otp_undeliverable"


class SandboxFlashCalls:
    """Rings from a random Cairo landline number; the last digits are the secret, as with a real flash call."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._callers: OrderedDict[str, str] = OrderedDict()
        self.is_down = False

    async def call(self, phone: str, reference: str) -> str:
        """Ring and return the reference of the call. Raises ProviderDown when told to."""
        if self.is_down:
            raise ProviderDown
        caller = f"+202{2 * 10**LOCAL_DIGITS + secrets.randbelow(10**LOCAL_DIGITS)}"
        self._callers[reference] = caller
        if len(self._callers) > CALLS_REMEMBERED:
            self._callers.popitem(last=False)
        self._inbox.put(Message(channel="FLASH_CALL", to=phone, code=caller, sent_at=now()))
        return reference

    async def confirm(self, provider_ref: str, caller: str) -> bool:
        """Compare as the provider would: digits of the full number, with or without the plus."""
        expected = self._callers.get(provider_ref, "")
        given = "".join(char for char in caller if char.isdecimal())
        return secrets.compare_digest(given.encode(), expected.removeprefix("+").encode()) and bool(expected)


class SandboxCodes:
    """One messaging channel."""

    def __init__(self, inbox: Inbox, channel: str) -> None:
        """`channel` is WHATSAPP_OTP or SMS_OTP."""
        self._inbox, self._channel = inbox, channel
        self.is_down = False

    async def send(self, phone: str, code: str, locale: str) -> str:
        """Put the code into the inbox. Raises ProviderDown when told to."""
        if self.is_down:
            raise ProviderDown
        self._inbox.put(Message(channel=self._channel, to=phone, code=code, sent_at=now()))
        return f"sandbox-{secrets.token_hex(8)}"
