"""One operator's redrive over all services that their choice touches."""

from dataclasses import dataclass

from daira_bus.letters import read_pile
from daira_bus.log import Log
from daira_bus.producer import open_producer
from daira_cli.dlq.again import Again, Told
from daira_cli.dlq.choice import Choice
from daira_cli.dlq.verdict import REFUSED, Verdict, judge
from daira_cli.errors import Refused
from daira_cli.services import find
from daira_cli.where import Where
from daira_runtime.redrive import open_redrive
from daira_stores.operators import OperatorBusy

SOURCE = "daira-cli"
BUSY_THEN = "wait for them; what they have done is skipped"


@dataclass(frozen=True, kw_only=True)
class Round:
    """`cap`: letters with so many attempts are left alone."""

    where: Where
    log: Log
    choice: Choice
    cap: int
    who: str
    why: str

    async def plan(self, service: str | None = None) -> list[Verdict]:
        """What would be done, in order. Raises Usage when the choice is none; BrokerUnavailable, UnknownTopic."""
        pile = await read_pile(self.log, self.choice.topic, service or self.choice.service)
        letters = self.choice.still_open(pile) if service else self.choice.of(pile)
        return await judge(self.log, letters, pile, self.cap)

    async def run(self, plan: list[Verdict], told: Told) -> None:
        """`told(letter, outcome, error)` after each.

        Raises Refused when another operator is at it, Partial when it stopped half way, Down, Usage.
        """
        for one in plan:
            if one.does == REFUSED:
                told(one.letter, REFUSED, one.why)
        for service in sorted({one.letter.service for one in plan if one.does != REFUSED}):
            await self._of(service, told)

    async def _of(self, name: str, told: Told) -> None:
        service = find(name)
        settings = self.where.settings(service)
        try:
            async with (
                open_redrive(service, settings, self.who) as redrive,
                open_producer(settings.kafka_bootstrap, SOURCE, settings.topic_prefix) as producer,
            ):
                # Read again, now that nobody else is at it: an operator before may have done the same letters.
                plan = [one for one in await self.plan(name) if one.does != REFUSED]
                await Again(self.log, producer, self.who, self.why, told).run(redrive, plan)
        except OperatorBusy as error:
            raise Refused(error.detail, then=BUSY_THEN, code=error.code) from None
