"""A dump through a service's handlers on its real stores: to mend a projection that missed or misread records.

The records are not written to their topic again: there an old state would hide a newer one, and every other service
would hear it too. They go through this service's handlers, whose inbox passes over what it handled before and whose
projections pass over older revisions; a state that its topic has a newer one of, or a removal, is passed over before.
What the handlers tell and leave to do goes the ordinary way, by outbox and jobs
of the running service, unless effects are off.
"""

from asyncio import CancelledError
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from daira_bus.errors import NotDecodable
from daira_bus.handling import decode
from daira_bus.log import Log, Record
from daira_bus.subscription import Subscription
from daira_cli.dlq.again import STOP_AFTER
from daira_cli.errors import Partial, Refused
from daira_cli.run.casting import Casting
from daira_cli.run.live_notes import LiveNotes
from daira_cli.run.outcome import FORMAT, Head, Outcome, ResultFile
from daira_cli.run.reading import Dump
from daira_cli.run.running import Running, Summary
from daira_cli.run.session import GO_ON, Each
from daira_cli.run.superseding import superseded
from daira_cli.run.watching import Watch
from daira_cli.services import AnyService
from daira_contracts.upcasting import UPCASTS, Upcast
from daira_runtime.redrive import views_read
from daira_runtime.replay import Replay, open_replay
from daira_stores.inbox import was_handled
from daira_stores.work import Work

MONEY = frozenset({"wallet", "payments"})


class Prospect(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a live run would do with one topic."""

    topic: str
    records: int
    handled_before: int
    """The inbox knows them: nothing will happen."""
    superseded: int
    """Their topic holds a newer state, or a removal, of the same key: the handler is not called."""
    tombstones: int
    not_decodable: int

    @property
    def to_handle(self) -> int:
        """The rest."""
        passed_over = self.handled_before + self.superseded
        return self.records - passed_over - self.tombstones - self.not_decodable


class LivePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asked for."""

    dump: Path
    service: AnyService
    settings: Any
    effects: bool = True
    edited: bool = False
    rate: float | None = None
    result: Path | None = None
    from_checkpoint: bool = False
    upcasts: Sequence[Upcast] = UPCASTS


class _FailuresInARow:
    """The `each` of a live run that gives up when one record after the other fails."""

    def __init__(self, each: Each) -> None:
        self._each, self._failures = each, 0

    def __call__(self, outcome: Outcome) -> None:
        """Raises Partial after STOP_AFTER; records that no handler was called for count neither way."""
        self._each(outcome)
        failure = outcome.failure
        if failure is None:
            self._failures = 0 if outcome.tries else self._failures
            return
        self._failures += 1
        if self._failures >= STOP_AFTER:
            first_line, _, _ = failure.message.partition("\n")
            raise Partial(
                f"{STOP_AFTER} in a row failed, the last with {failure.code}: {first_line}",
                then="mend the cause, then the same command from the start: what was handled is passed over",
                code="too_many_dead",
            )


def check(dump: Dump, plan: LivePlan) -> None:
    """Raises Refused when this dump must not go through this service."""
    if plan.service.name in MONEY and plan.effects:
        raise Refused(
            f"{plan.service.name} moves money",
            then="add --effects none: state only, nothing told, no job",
            code="money",
        )
    if dump.manifest is None and not plan.edited:
        raise Refused(
            f"{dump.path} has no manifest: nobody knows whether it is whole and real",
            then="take a dump by `daira replay dump --unredacted`, or add --edited if it was made on purpose",
            code="no_manifest",
        )
    if dump.manifest is not None and dump.manifest.redacted:
        raise Refused(
            f"{dump.path} is redacted: its people do not exist",
            then="take it again with --unredacted and a --reason",
            code="redacted",
        )


async def prospects(dump: Dump, plan: LivePlan) -> list[Prospect]:
    """What would happen, by topic; nothing is written. Raises Usage, Refused, BrokerUnavailable."""
    check(dump, plan)
    async with open_replay(plan.service, plan.settings, Watch(), effects=False) as replay:
        casting = Casting.plan(dump, replay.subscriptions, plan.upcasts)
        newer = await _superseded(dump, casting, plan)
        async with replay.platform.database.read() as work:
            return await _prospects(dump, casting, replay, newer, work)


async def run_live(dump: Dump, plan: LivePlan, notes: LiveNotes, each: Each) -> Summary:
    """Handle every record on the real stores, those that `notes` know left out.

    Raises Partial when it is cancelled or too many fail in a row, Usage, Refused, BrokerUnavailable, and Unavailable
    when the broadcast topics cannot be read.
    """
    check(dump, plan)
    progress = notes.progress
    watch = Watch(patient=True)
    async with (
        open_replay(plan.service, plan.settings, watch, effects=plan.effects) as replay,
        views_read(plan.settings, replay.platform, replay.parts),
    ):
        casting = Casting.plan(dump, replay.subscriptions, plan.upcasts)
        newer = await _superseded(dump, casting, plan)
        head = Head(format=FORMAT, service=plan.service.name, dump=dump.digest)
        result = ResultFile(plan.result, head, keep_bytes=progress.result_bytes if plan.result else 0)
        summary = Summary.of(progress, plan.service.name)
        running = Running(dump, replay, casting, watch, notes, result, summary, newer)
        try:
            summary = await running.run(progress.next_index, _FailuresInARow(each), rate=plan.rate)
        except CancelledError:
            raise Partial("stopped; what was done stays done", then=GO_ON) from None
        finally:
            result.close()
    notes.done()
    return summary


async def _superseded(dump: Dump, casting: Casting, plan: LivePlan) -> dict[int, int]:
    log = Log(plan.settings.kafka_bootstrap, plan.settings.topic_prefix)
    return await superseded(log, dump, casting, plan.service.name)


async def _prospects(
    dump: Dump, casting: Casting, replay: Replay, newer: Mapping[int, int], work: Work
) -> list[Prospect]:
    kinds: dict[str, Counter[str]] = {}
    for entry in dump.entries:
        if casting.hears(entry.topic):
            record = casting.record(dump.line(entry))
            known = "superseded" if entry.number in newer else ""
            kind = known or await _kind(record, replay.subscriptions[record.topic], work)
            kinds.setdefault(record.topic, Counter())[kind] += 1
    return [
        Prospect(
            topic=topic,
            records=sum(found.values()),
            handled_before=found["before"],
            superseded=found["superseded"],
            tombstones=found["tombstone"],
            not_decodable=found["poison"],
        )
        for topic, found in sorted(kinds.items())
    ]


async def _kind(record: Record, subscription: Subscription, work: Work) -> str:
    if record.value is None:
        return "tombstone"
    try:
        event = decode(record, subscription.event_type)
    except NotDecodable:
        return "poison"
    return "before" if await was_handled(work, event.event_id, subscription.name) else "new"
