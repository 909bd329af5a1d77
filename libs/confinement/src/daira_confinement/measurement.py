"""How far children are locked in on this machine: proven by attempts to break out, told, and judged."""

from collections.abc import Awaitable, Callable

import msgspec
from prometheus_client import Gauge

from daira_confinement._level import Level
from daira_confinement.escapes import FILE_LEAKS, Attempt
from daira_kit.errors import Unavailable
from daira_observe.logs import get_logger

logger = get_logger(__name__)
_TOO_WEAK = -1


class SandboxTooWeak(Unavailable):
    """This machine does not lock decoders in as far as the configuration demands."""

    code = "sandbox_too_weak"


class NotMeasured(Exception):
    """The child that should have tried the locks ended without an answer."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """How far a child said it was locked in, and what nevertheless worked."""

    level: Level
    leaks: frozenset[Attempt]

    def accept(self, minimum: Level) -> None:
        """Raises SandboxTooWeak when something worked that `minimum` forbids."""
        leaks = self.leaks if minimum >= Level.CONFINED else self.leaks - FILE_LEAKS
        if leaks and minimum >= Level.FILTERED:
            raise SandboxTooWeak(f"a decoder can still: {', '.join(sorted(leaks))}")


def demand(level: Level, reasons: tuple[str, ...], minimum: Level) -> None:
    """Raises SandboxTooWeak, with the `reasons` of a child that is less locked in than it must be."""
    if level < minimum:
        raise SandboxTooWeak(f"{level.name} is below {minimum.name}: {'; '.join(reasons)}")


async def measured(
    measure: Callable[[], Awaitable[Measurement]], *, minimum: Level, level: Gauge, leak: Gauge
) -> Level | None:
    """Export what `measure` finds; None where that is too little to open a stranger's file.

    `level` becomes the Level or -1, `leak` (by label `attempt`) 1 for each way out that worked. `measure` may raise
    SandboxTooWeak or NotMeasured.
    """
    try:
        found = await measure()
        for attempt in Attempt:
            leak.labels(attempt).set(attempt in found.leaks)
        found.accept(minimum)
    except (SandboxTooWeak, NotMeasured) as weak:
        level.set(_TOO_WEAK)
        logger.warning("sandbox_too_weak", reason=str(weak))
        return None
    level.set(found.level)
    logger.info("sandbox_measured", level=found.level.name)
    return found.level
