"""Sends letters to their handlers again, one after the other, and marks each with what came of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from daira_bus.errors import BrokerUnavailable
from daira_bus.letters import FAILED_AGAIN, SUPERSEDED, Letter, Settlement, settle, settlement, whole
from daira_bus.log import Log
from daira_bus.producer import Producer
from daira_bus.redrive import Redrive
from daira_cli.dlq import verdict
from daira_cli.dlq.hiding import named_error_shown
from daira_cli.dlq.verdict import REFUSED, Verdict
from daira_cli.errors import Down, Partial

STOP_AFTER = 20
"""As many failures in a row mean that the cause is still there: the rest keep their attempts."""
PATIENCE = 60.0
"""Seconds that one letter may wait for a store that is away."""
WAITS_FOR_BROKER = (0.5, 1.0, 2.0, 4.0)
"""Seconds between tries to mark a letter, each of which has its own patience."""
Told = Callable[[Letter, str, str], None]


class Again:
    """One operator's round."""

    def __init__(self, log: Log, producer: Producer, who: str, why: str, told: Told) -> None:
        """`told(letter, outcome, error)` after each."""
        self._log, self._producer, self._who, self._why, self._told = log, producer, who, why, told
        self._failures = 0

    async def run(self, redrive: Redrive, verdicts: Sequence[Verdict]) -> None:
        """Raises Partial when too many fail in a row or the operator stops it, Down when a store stays away."""
        try:
            for one in verdicts:
                await self._one(redrive, one)
        except asyncio.CancelledError:
            raise Partial("stopped; what was done is marked", then="the same command goes on") from None

    async def _one(self, redrive: Redrive, one: Verdict) -> None:
        if one.does == verdict.SUPERSEDED:
            await self._settle(one.letter, SUPERSEDED, one.why)
            return
        if one.does == verdict.REFUSED:
            self._told(one.letter, REFUSED, one.why)
            return
        if not redrive.hears(one.letter.topic):
            self._told(one.letter, REFUSED, f"{one.letter.service} has no handler for its topic any more: discard it")
            return
        letter = await whole(self._log, one.letter)
        if letter is None:
            self._told(one.letter, REFUSED, verdict.GONE)
            return
        try:
            outcome = await asyncio.wait_for(redrive.again(letter), PATIENCE)
        except TimeoutError:
            raise Down(
                f"{one.letter.id} waited {PATIENCE:.0f} s for a store", then="daira doctor; then the same command"
            ) from None
        error = named_error_shown(outcome.error)
        await self._settle(one.letter, outcome.how, error)
        self._failures = self._failures + 1 if outcome.how == FAILED_AGAIN else 0
        if self._failures >= STOP_AFTER:
            raise Partial(
                f"{STOP_AFTER} in a row failed again, the last with {error}",
                then="the cause is still there; the rest were left as they are",
            )

    async def _settle(self, letter: Letter, how: str, error: str) -> None:
        # Shielded: what was handled is marked also when the operator stops here.
        await _finish(self._mark(letter, settlement(how, self._who, self._why or error)))
        self._told(letter, how, error)

    async def _mark(self, letter: Letter, mark: Settlement) -> None:
        for wait in WAITS_FOR_BROKER:
            try:
                await settle(self._producer, [letter], mark)
            except BrokerUnavailable:  # it may be restarting, and the mark is as good later
                await asyncio.sleep(wait)
            else:
                return
        await settle(self._producer, [letter], mark)


async def _finish(awaitable: Awaitable[None]) -> None:
    task = asyncio.ensure_future(awaitable)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
