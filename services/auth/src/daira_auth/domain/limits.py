"""Limits on log-in as data: who is counted, how often, and what a message may cost.

Rates are in the language of the `limits` library (`3/10 minutes; 10/day`). Order matters: a caller stopped by a
narrow rule of his own must not use up the budget of the number he aims at.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from daira_auth.domain.challenge import Channel
from daira_auth.domain.phone import network_of, number_block, operator_prefix


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """`rates` by scope; the guard stops a prefix with too few verified of at least `guard_sends` sends an hour."""

    rates: Mapping[str, str]
    guard_sends: int
    guard_percent: int
    resend_seconds: Mapping[Channel, int]


PRODUCTION = Profile(
    rates=MappingProxyType(
        {
            # Egyptian carriers put whole neighbourhoods behind one address (CGNAT): wide per address, tight per number.
            "send.address": "60/10 minutes; 600/day",
            "send.network": "300/10 minutes; 3000/day",
            "send.device": "5/10 minutes; 20/day",
            "send.number": "3/10 minutes; 10/day",
            "send.block": "30/hour; 200/day",
            "send.prefix": "600/minute",
            "cost.number": "200/day",
            "cost.prefix": "100000/hour",
            "cost.all": "1000000/day",
            "check.address": "120/10 minutes",
            "refresh.address": "1200/minute",
        }
    ),
    guard_sends=50,
    guard_percent=20,
    resend_seconds=MappingProxyType({Channel.FLASH_CALL: 20, Channel.WHATSAPP_OTP: 30, Channel.SMS_OTP: 60}),
)

DEVELOPMENT = Profile(
    rates=MappingProxyType(dict.fromkeys(PRODUCTION.rates, "100000/hour") | {"cost.all": "10000000/hour"}),
    guard_sends=1_000_000,
    guard_percent=0,
    resend_seconds=MappingProxyType(dict.fromkeys(Channel, 2)),
)


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: the client's address as the edge saw it, and the installation id it claims."""

    address: str
    device_id: str | None = None


def send_scopes(caller: Caller | None, phone: str) -> tuple[tuple[str, str], ...]:
    """(scope, whom) to count for one send, own budgets of the caller first; None when nobody asks but we ourselves."""
    number = (
        ("send.number", phone),
        ("send.block", number_block(phone)),
        ("send.prefix", operator_prefix(phone)),
    )
    if caller is None:
        return number
    device = (("send.device", caller.device_id),) if caller.device_id else ()
    return (
        ("send.address", caller.address),
        ("send.network", network_of(caller.address)),
        *device,
        *number,
    )


def cost_scopes(phone: str) -> tuple[tuple[str, str], ...]:
    """(scope, whom) that pay for one send, in piastres."""
    return (("cost.number", phone), ("cost.prefix", operator_prefix(phone)), ("cost.all", "all"))


def is_pumped(profile: Profile, sends: int, verified: int) -> bool:
    """True when a prefix looks bought: enough sends in the window and too few of them verified.

    >>> is_pumped(PRODUCTION, 50, 9), is_pumped(PRODUCTION, 50, 10), is_pumped(PRODUCTION, 49, 0)
    (True, False, False)
    """
    return sends >= profile.guard_sends and verified * 100 < sends * profile.guard_percent


def with_overrides(profile: Profile, text: str, guard_sends: int = 0) -> Profile:
    """`scope=rates|scope=rates` put over a profile; `guard_sends` of 0 keeps the profile's.

    Raises ValueError for a scope that does not exist.
    """
    rates = dict(profile.rates)
    for part in filter(None, (piece.strip() for piece in text.split("|"))):
        scope, _, rate = part.partition("=")
        if scope.strip() not in rates:
            raise ValueError(f"no such limit: {scope.strip()}")
        rates[scope.strip()] = rate.strip()
    return msgspec.structs.replace(
        profile, rates=MappingProxyType(rates), guard_sends=guard_sends or profile.guard_sends
    )
