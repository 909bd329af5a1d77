"""What auth asks of a provider. The sandbox has the same shape; both pass the same suite."""

from typing import Protocol


class FlashCalls(Protocol):
    """Rings a number without waiting for an answer; the caller's number is the secret."""

    async def call(self, phone: str, reference: str) -> str:
        """Start ringing and return the provider's id. Raises Unavailable when the call cannot be placed."""
        ...

    async def confirm(self, provider_ref: str, caller: str) -> bool:
        """Whether `caller` is the number that rang. Raises Unavailable when the provider cannot say."""
        ...


class CodeSender(Protocol):
    """Delivers a one-time code as a message."""

    async def send(self, phone: str, code: str, locale: str) -> str:
        """Hand the message over and return the provider's id. Raises Unavailable when it is not accepted."""
        ...
