"""Tells the audit trail what is about to be done, and why. What cannot be told is not done."""

from collections.abc import Sequence

from daira_bus.errors import BrokerUnavailable
from daira_bus.producer import open_producer
from daira_cli.errors import Refused
from daira_cli.who import who
from daira_contracts.admin import OperatorActedV1

SECONDS = 5.0
"""A broker that is there takes an event in milliseconds; an operator waits for one that is not."""


async def audited(bootstrap: str, prefix: str, act: str, subjects: Sequence[str], reason: str) -> None:
    """Returns once the brokers have it. Raises Refused when they do not take it."""
    event = OperatorActedV1(operator=who(), act=act, subjects=tuple(subjects), reason=reason)
    async with open_producer(bootstrap, "admin", prefix) as producer:
        try:
            await producer.publish(event, timeout=SECONDS)
        except BrokerUnavailable as error:
            raise Refused(
                f"the audit trail does not take it: {error.detail}",
                then=f"daira topics plan says whether {event.topic} exists",
                code="not_audited",
            ) from error
