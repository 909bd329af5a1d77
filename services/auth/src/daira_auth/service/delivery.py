"""Sends one code over the first channel that takes it, within the budgets."""

import secrets
from collections.abc import Mapping, Sequence

import msgspec

from daira_auth.adapters.ports import CodeSender, FlashCalls
from daira_auth.domain.challenge import CODE_DIGITS, Challenge, Channel
from daira_auth.domain.limits import cost_scopes
from daira_auth.errors import ChannelFailed
from daira_auth.metrics import SENDS
from daira_auth.repository.budgets import Budgets
from daira_kit.errors import Unavailable
from daira_observe.logs import get_logger

logger = get_logger(__name__)


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is None for a flash call: there the provider alone knows the secret."""

    channel: Channel
    code: str | None
    provider_ref: str


class Delivery:
    """The providers of one process."""

    def __init__(
        self,
        budgets: Budgets,
        calls: FlashCalls,
        senders: Mapping[Channel, CodeSender],
        costs: Mapping[Channel, int],
    ) -> None:
        """`costs` in piastres by channel."""
        self._budgets, self._calls, self._senders, self._costs = budgets, calls, senders, costs

    async def deliver(self, challenge: Challenge, channels: Sequence[Channel]) -> Sent:
        """Try `channels` in order.

        Raises ChannelFailed when none took it, SendLimitReached when a cost budget says no.
        """
        for channel in channels:
            await self._budgets.spend(cost_scopes(challenge.phone), self._costs[channel])
            try:
                sent = await self._send(challenge, channel)
            except Unavailable as error:
                SENDS.labels(channel.value, "failed").inc()
                logger.warning("channel_failed", channel=channel.value, error=error.detail)
                continue
            SENDS.labels(channel.value, "sent").inc()
            return sent
        raise ChannelFailed

    async def confirm_caller(self, challenge: Challenge, caller: str) -> bool:
        """Ask the provider whether this number rang. Raises Unavailable when it cannot say."""
        return challenge.provider_ref is not None and await self._calls.confirm(challenge.provider_ref, caller)

    async def _send(self, challenge: Challenge, channel: Channel) -> Sent:
        if channel is Channel.FLASH_CALL:
            reference = await self._calls.call(challenge.phone, str(challenge.id))
            return Sent(channel=channel, code=None, provider_ref=reference)
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
        reference = await self._senders[channel].send(challenge.phone, code, challenge.locale)
        return Sent(channel=channel, code=code, provider_ref=reference)
