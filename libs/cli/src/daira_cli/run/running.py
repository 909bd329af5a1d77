"""Runs a dump, record after record, in the order of the log."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, Self

import msgspec

from daira_bus.dlq import VALUE_LEFT_OUT
from daira_bus.errors import TooManyDead
from daira_cli.dump.lines import Line
from daira_cli.run.casting import Casting
from daira_cli.run.origins import Origins
from daira_cli.run.outcome import Failure, Left, Outcome, ResultFile, Told, Verdict
from daira_cli.run.reading import Dump, Entry
from daira_cli.run.watching import Blocked, Watch
from daira_runtime.replay import Held, Replay
from daira_stores.changes import Change, Progress

VERDICTS = {"handled": Verdict.ACCEPTED, "duplicate": Verdict.DUPLICATE, "ignored": Verdict.IGNORED}
DELIVERY = frozenset({"inbox", "outbox", "job"})
DEAD_LETTER = ".dlq."


class Notebook(Protocol):
    """Remembers how far a run came and what records changed."""

    async def noted(self) -> list[Change]:
        """What changed since the last `settle`."""
        ...

    async def settle(self, progress: Progress) -> None:
        """The record is done."""
        ...


class Summary(msgspec.Struct, kw_only=True, rename="camel"):
    """What a run came to."""

    service: str
    records: int = 0
    verdicts: Counter[str] = msgspec.field(default_factory=Counter)
    changed: Counter[str] = msgspec.field(default_factory=Counter)
    """Rows that records changed, by table; a row that two records changed counts twice."""
    told: Counter[str] = msgspec.field(default_factory=Counter)
    """Records that would have been sent, by topic."""
    left: Counter[str] = msgspec.field(default_factory=Counter)
    """Jobs that would have run, by kind."""
    skipped_topics: Counter[str] = msgspec.field(default_factory=Counter)
    stops_at_line: int | None = None
    """Where the live consumer would have stopped, because too many records in a row died."""
    passed_by_line: int | None = None
    """Where a debugger should have stopped, and no handler was called."""

    @classmethod
    def of(cls, progress: Progress, service: str) -> Self:
        """What a run had counted when it came there: so the exit code of its last part is that of the whole."""
        found = progress.summary or {"service": service}
        return msgspec.convert(found, cls, dec_hook=lambda _kind, counts: Counter(counts))

    def count(self, outcome: Outcome) -> None:
        """One record more."""
        self.records += 1
        self.verdicts[outcome.verdict.value] += 1
        self.changed.update(change.table for change in outcome.changes)
        self.told.update(told.topic for told in outcome.told)
        self.left.update(left.kind for left in outcome.left)
        if outcome.verdict is Verdict.SKIPPED:
            self.skipped_topics[outcome.topic] += 1


class Running:
    """One dump through one service."""

    def __init__(
        self,
        dump: Dump,
        replay: Replay,
        casting: Casting,
        watch: Watch,
        notebook: Notebook,
        result: ResultFile,
        summary: Summary,
        superseded: Mapping[int, int] | None = None,
    ) -> None:
        """`summary`: what an earlier part of the run came to; it is counted on.

        `superseded` are lines that no handler gets, with the offset of what is newer.
        """
        self._dump, self._replay, self._casting, self._watch = dump, replay, casting, watch
        self._notebook, self._result, self._superseded = notebook, result, superseded or {}
        self._origins = Origins()
        self.summary = summary

    async def run(
        self, start: int, each: Callable[[Outcome], None], *, rate: float | None = None, stop_after: int | None = None
    ) -> Summary:
        """From record `start` on, at most `rate` a second; each outcome is told once it is sure."""
        for entry in self._dump.entries[:start]:
            self._origins.read(self._dump.line(entry))
        began, entries = time.monotonic(), self._dump.entries[start:stop_after]
        for number, entry in enumerate(entries):
            if rate is not None:
                await asyncio.sleep(early_by(number, rate, time.monotonic() - began))
            outcome = await self._one(entry)
            self._result.append(outcome)
            self.summary.count(outcome)
            await self._notebook.settle(self._progress(start + number + 1))
            each(outcome)
        return self.summary

    def _progress(self, next_index: int) -> Progress:
        counted = msgspec.to_builtins(self.summary)
        return Progress(next_index=next_index, result_bytes=self._result.bytes, summary=counted)

    async def _one(self, entry: Entry) -> Outcome:
        line = self._dump.line(entry)
        self._origins.read(line)
        # A letter that could not carry its value is no removal, and there is nothing to handle.
        if not self._casting.hears(line.topic) or line.header(VALUE_LEFT_OUT):
            return _outcome(entry, line, Verdict.SKIPPED)
        if entry.number in self._superseded:
            return _outcome(entry, line, Verdict.SUPERSEDED, newer_offset=self._superseded[entry.number])
        self._watch.begin(entry.number)
        try:
            said = await self._replay.handler.handle(self._casting.record(line))
        except TooManyDead:
            said = "dead"
            self.summary.stops_at_line = self.summary.stops_at_line or entry.number
        held, self._replay.producer.held = self._replay.producer.held, []
        changes = await self._notebook.noted()
        failure = next((_failure(one) for one in held if DEAD_LETTER in one.topic and one.value is not None), None)
        outcome = _outcome(
            entry,
            line,
            _verdict(said, self._watch.tries, failure, changes),
            tries=self._watch.tries,
            failure=failure,
            changes=tuple(change for change in changes if change.table not in DELIVERY),
            told=(*_told(changes), *_held(held)),
            left=tuple(_left(changes)),
        )
        return msgspec.structs.replace(outcome, made=self._origins.made(outcome))


def early_by(number: int, rate: float, passed: float) -> float:
    """Seconds until record `number` (from 0) may begin at `rate` a second, `passed` seconds after the first."""
    return max(0.0, number / rate - passed)


def _outcome(entry: Entry, line: Line, verdict: Verdict, **more: Any) -> Outcome:
    return Outcome(
        line=entry.number,
        topic=line.topic,
        partition=line.partition,
        offset=line.offset,
        key=line.key,
        event_id=line.header("ce_id"),
        verdict=verdict,
        **more,
    )


def _verdict(said: str, tries: int, failure: Failure | None, changes: Iterable[Change]) -> Verdict:
    if said == "dead":
        return Verdict.BLOCKED if failure is not None and failure.code == Blocked.code else Verdict.DLQ
    if said == "duplicate" and any(change.table == "inbox" for change in changes):
        return Verdict.ACCEPTED  # handled by this run before it was killed, and not told yet
    return Verdict.RETRIED if said == "handled" and tries > 1 else VERDICTS[said]


def _failure(held: Held) -> Failure:
    text = held.headers
    return Failure(
        code=text.get("daira-error-code", ""), message=text.get("daira-error", ""), stack=text.get("daira-stack", "")
    )


def _told(changes: Iterable[Change]) -> Iterable[Told]:
    for change in changes:
        if change.table == "outbox" and change.operation == "insert" and change.new is not None:
            yield Told(topic=change.new["topic"], key=change.new["key"], value=_document(change.new["value"]))


def _held(held: Iterable[Held]) -> Iterable[Told]:
    for one in held:
        if DEAD_LETTER not in one.topic:
            key = (one.key or b"").decode(errors="replace")
            yield Told(topic=one.topic, key=key, value=None if one.value is None else msgspec.json.decode(one.value))


def _left(changes: Iterable[Change]) -> Iterable[Left]:
    for change in changes:
        if change.table == "job" and change.new is not None:
            yield Left(kind=change.new["kind"], key=change.new["key"], payload=change.new["payload"])


def _document(hexadecimal: str | None) -> Any:
    """PostgreSQL shows bytes in JSON as `\\x…`."""
    return None if hexadecimal is None else msgspec.json.decode(bytes.fromhex(hexadecimal.removeprefix("\\x")))
