"""One answer of the doctor, and asking without being taken down by what does not answer."""

import asyncio
import time
from collections.abc import Awaitable

import msgspec

from daira_bus.down import BROKER_ERRORS
from daira_bus.log import UnknownTopic
from daira_stores.vitals import STORE_ERRORS

PATIENCE_SECONDS = 30.0
DOWN: tuple[type[Exception], ...] = (*BROKER_ERRORS, *STORE_ERRORS, UnknownTopic)


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`subject` is what was looked at. A finding (`ok` false) says in `then` what to do next."""

    area: str
    subject: str
    ok: bool
    said: str
    then: str = ""


def fine(area: str, subject: str, said: str) -> Check:
    """Nothing to do."""
    return Check(area=area, subject=subject, ok=True, said=said)


def finding(area: str, subject: str, said: str, then: str) -> Check:
    """Somebody should look."""
    return Check(area=area, subject=subject, ok=False, said=said, then=then)


async def asked(area: str, subject: str, then: str, asking: Awaitable[list[Check]]) -> list[Check]:
    """The answer, or that there is none."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await asking
    except DOWN as error:
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        said = first if isinstance(error, UnknownTopic) else f"does not answer: {first}"
        return [finding(area, subject, said, then)]


class Watch:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    @property
    def ms(self) -> float:
        return (time.perf_counter() - self._started) * 1000

    def __str__(self) -> str:
        return f"answers in {self.ms:.0f} ms"
