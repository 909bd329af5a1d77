"""One log-in challenge over several channels: attempts are counted for the challenge, not for the channel."""

import hmac
from datetime import datetime
from enum import Enum
from hashlib import sha256
from uuid import UUID

import msgspec

from daira_auth.errors import ChallengeSpent, ChannelsExhausted, FallbackTooEarly
from daira_kit.states import StateGraph

CODE_DIGITS = 6
CHECKS = 5


class Channel(Enum):
    """How the person proves to hold the number, in the order of trying."""

    FLASH_CALL = "FLASH_CALL"
    WHATSAPP_OTP = "WHATSAPP_OTP"
    SMS_OTP = "SMS_OTP"


class ChallengeState(Enum):
    """A challenge with no checks left stays OPEN and is spent; an expired one is swept away."""

    OPEN = "OPEN"
    VERIFIED = "VERIFIED"


GRAPH: StateGraph[ChallengeState] = StateGraph(
    {ChallengeState.OPEN: {ChallengeState.VERIFIED}, ChallengeState.VERIFIED: set()}
)
ORDER = tuple(Channel)


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """What the client says about itself; `id` is its own installation id."""

    id: str | None = None
    platform: str | None = None
    can_read_caller_id: bool = False


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """`code_mac` belongs to the newest message only; `provider_ref` names the newest call or message."""

    id: UUID
    phone: str
    device: Device
    locale: str
    channel: Channel
    state: ChallengeState
    checks_left: int
    code_mac: bytes | None
    provider_ref: str | None
    sent_at: datetime
    resend_at: datetime
    expires_at: datetime


def channels_from(device: Device) -> tuple[Channel, ...]:
    """The channels to try for a new challenge: a flash call only where the handset can report the caller."""
    return ORDER if device.can_read_caller_id else ORDER[1:]


def channels_after(channel: Channel) -> tuple[Channel, ...]:
    """What is left to try. Raises ChannelsExhausted after the last."""
    rest = ORDER[ORDER.index(channel) + 1 :]
    if not rest:
        raise ChannelsExhausted
    return rest


def check_open(challenge: Challenge, now: datetime) -> None:
    """Raises ChallengeSpent for a verified, expired or used-up challenge."""
    if challenge.state is not ChallengeState.OPEN or challenge.checks_left <= 0 or challenge.expires_at <= now:
        raise ChallengeSpent


def check_may_fall_back(challenge: Challenge, now: datetime) -> None:
    """Raises FallbackTooEarly before `resend_at`, so that a client cannot choose the dear channels by itself."""
    if now < challenge.resend_at:
        raise FallbackTooEarly(-(-int((challenge.resend_at - now).total_seconds() * 1000) // 1000))


def code_mac(secret: bytes, challenge_id: UUID, phone: str, code: str) -> bytes:
    """HMAC-SHA256 of a code bound to its challenge and number: the same code of another challenge is another value."""
    return hmac.new(secret, f"{challenge_id}\n{phone}\n{code}".encode(), sha256).digest()


def code_matches(secret: bytes, challenge: Challenge, presented: str) -> bool:
    """Compares in constant time; a challenge without a code (a flash call) matches nothing."""
    expected = challenge.code_mac or b"\0" * sha256().digest_size
    return hmac.compare_digest(expected, code_mac(secret, challenge.id, challenge.phone, western(presented)))


def western(code: str) -> str:
    """Arabic-Indic and Persian digits as 0-9: Arabic keyboards type them."""
    return "".join(str(int(char)) if char.isdecimal() else char for char in code.strip())
