"""Log-in: a challenge for a number, its fallbacks, its verification. No answer tells whether the number is known."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from daira_auth.domain import challenge as rules
from daira_auth.domain.account import Person
from daira_auth.domain.challenge import CHECKS, Challenge, ChallengeState, Channel, Device
from daira_auth.domain.limits import Caller, send_scopes
from daira_auth.domain.phone import caller_id, normalise, operator_prefix
from daira_auth.errors import (
    ChallengeNotFound,
    ChallengeSpent,
    ChannelFailed,
    ChannelsExhausted,
    OtpInvalid,
    SendLimitReached,
)
from daira_auth.metrics import CHECKS as CHECKED
from daira_auth.repository import challenges, people
from daira_auth.repository.budgets import Budgets
from daira_auth.service.delivery import Delivery, Sent
from daira_auth.service.mint import Mint, Tokens
from daira_contracts.auth import UserRegisteredV1
from daira_kit.errors import Unavailable
from daira_kit.ids import new_id
from daira_observe.logs import get_logger
from daira_stores.postgres import Database
from daira_stores.work import Work

logger = get_logger(__name__)
UNDELIVERED = "undelivered"


class LoginRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator chose."""

    region: str
    country_codes: Collection[int]
    challenge_life: timedelta
    resend_seconds: Mapping[Channel, int]


class LoginService:
    """Budgets are asked before anything is stored or sent; without Redis there is no log-in."""

    def __init__(
        self,
        database: Database,
        budgets: Budgets,
        delivery: Delivery,
        mint: Mint,
        *,
        chosen: LoginRules,
        code_secret: bytes,
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._budgets, self._delivery, self._mint = database, budgets, delivery, mint
        self._rules, self._secret, self._clock = chosen, code_secret, clock

    async def start(self, raw_phone: str, device: Device, caller: Caller, locale: str) -> Challenge:
        """Send the first code.

        Raises PhoneInvalid, CountryNotServed, SendLimitReached, ChannelFailed and Unavailable.
        """
        phone = normalise(raw_phone, self._rules.region, self._rules.country_codes)
        await self._allow_send(caller, phone)
        channels = rules.channels_from(device)
        made = self._new(phone, device, locale, channels[0])
        async with self._database.work() as work:
            await challenges.put(work, made)
        return await self._armed(made, await self._delivery.deliver(made, channels))

    async def fall_back(self, challenge_id: UUID, caller: Caller) -> Challenge:
        """Send a new code over the next channel; attempts already used stay used.

        Raises ChallengeNotFound, ChallengeSpent, FallbackTooEarly, ChannelsExhausted, SendLimitReached, ChannelFailed.
        """
        async with self._database.work() as work:
            found = await challenges.lock(work, challenge_id)
            if found is None:
                raise ChallengeNotFound
            now = self._clock()
            rules.check_open(found, now)
            channels = rules.channels_after(found.channel)
            rules.check_may_fall_back(found, now)
            await challenges.hold_resend(work, found.id, self.resend_at(channels[0]))
        device = msgspec.structs.replace(caller, device_id=found.device.id)
        await self._allow_send(device, found.phone)
        return await self._armed(found, await self._delivery.deliver(found, channels))

    async def send_again(self, challenge_id: UUID, undelivered: str) -> None:
        """Send a new code over the channel after the one whose message did not arrive, unless another was sent since.

        What limits and providers refuse is left to the client's own fallback.
        """
        async with self._database.read() as work:
            found = await challenges.find(work, challenge_id)
        if found is None or found.provider_ref != undelivered:
            return
        try:
            rules.check_open(found, self._clock())
            await self._allow_send(None, found.phone)
            await self._armed(found, await self._delivery.deliver(found, rules.channels_after(found.channel)))
        except (ChallengeSpent, ChannelsExhausted, SendLimitReached, ChannelFailed) as refused:
            logger.info("not_sent_again", channel=found.channel.value, code=refused.code)

    async def verify(self, challenge_id: UUID, code: str, caller: Caller) -> Tokens:
        """Exchange the right code for a session.

        Raises OtpInvalid with the attempts left, ChallengeSpent, ChallengeNotFound, SendLimitReached, Unavailable.
        """
        await self._budgets.spend((("check.address", caller.address),))
        taken = await self._take_check(challenge_id)
        if not await self._is_right(taken, code):
            CHECKED.labels("wrong").inc()
            raise OtpInvalid(taken.checks_left)
        signer = await self._mint.signer()
        async with self._database.work() as work:
            if not await challenges.close(work, challenge_id):
                raise ChallengeSpent
            person, is_new = await self._person(work, taken)
            tokens = await self._mint.open_session(work, person.id, taken.device, signer)
        CHECKED.labels("right").inc()
        with suppress(Unavailable):  # the log-in stands; only the pumping guard misses one count
            await self._budgets.note_verified(operator_prefix(taken.phone))
        return msgspec.structs.replace(tokens, is_new_user=is_new)

    async def _allow_send(self, caller: Caller | None, phone: str) -> None:
        await self._budgets.spend(send_scopes(caller, phone))
        await self._budgets.open_send(operator_prefix(phone))

    def _new(self, phone: str, device: Device, locale: str, channel: Channel) -> Challenge:
        now = self._clock()
        return Challenge(
            id=new_id(),
            phone=phone,
            device=device,
            locale=locale,
            channel=channel,
            state=ChallengeState.OPEN,
            checks_left=CHECKS,
            code_mac=None,
            provider_ref=None,
            sent_at=now,
            resend_at=self.resend_at(channel),
            expires_at=now + self._rules.challenge_life,
        )

    def resend_at(self, channel: Channel) -> datetime:
        """From when on a client may ask for what follows a message sent now."""
        return self._clock() + timedelta(seconds=self._rules.resend_seconds[channel])

    async def _armed(self, challenge: Challenge, sent: Sent) -> Challenge:
        mac = rules.code_mac(self._secret, challenge.id, challenge.phone, sent.code) if sent.code else None
        armed = msgspec.structs.replace(
            challenge,
            channel=sent.channel,
            code_mac=mac,
            provider_ref=sent.provider_ref,
            sent_at=self._clock(),
            resend_at=self.resend_at(sent.channel),
        )
        async with self._database.work() as work:
            await challenges.arm(work, armed)
        return armed

    async def _take_check(self, challenge_id: UUID) -> Challenge:
        async with self._database.work() as work:
            taken = await challenges.take_check(work, challenge_id, self._clock())
            if taken is None and await challenges.find(work, challenge_id) is None:
                raise ChallengeNotFound
        if taken is None:
            CHECKED.labels("spent").inc()
            raise ChallengeSpent
        return taken

    async def _is_right(self, taken: Challenge, code: str) -> bool:
        if taken.channel is not Channel.FLASH_CALL:
            return rules.code_matches(self._secret, taken, code)
        try:
            return await self._delivery.confirm_caller(taken, caller_id(code, self._rules.region))
        except Unavailable:
            async with self._database.work() as work:
                await challenges.give_check_back(work, taken.id)
            raise

    async def _person(self, work: Work, taken: Challenge) -> tuple[Person, bool]:
        made = Person(id=new_id(), phone=taken.phone, locale=taken.locale, registered_at=self._clock())
        if await people.put_new(work, made):
            await work.emit(UserRegisteredV1(user_id=made.id, registered_at=made.registered_at, locale=made.locale))
            return made, True
        known = await people.lock_by_phone(work, taken.phone)
        if known is None:  # erased between the two statements: the client simply tries again
            raise ChallengeSpent
        if known.erases_at is not None:
            await people.set_erasure(work, known.id, None)
        return known, False
