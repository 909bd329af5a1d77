"""What a run looks like to a person."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from daira_cli.console import Output
from daira_cli.run.outcome import Outcome, Verdict
from daira_cli.run.running import Summary
from daira_stores.changes import Change

STYLES = {Verdict.ACCEPTED: "green", Verdict.RETRIED: "yellow", Verdict.DLQ: "red", Verdict.BLOCKED: "red"}
LONGEST = 100
STACK_LINES = 12


def tell(outcome: Outcome, out: Output) -> None:
    """One record: its line, what became of it, and what it changed."""
    where = f"{outcome.topic}[{outcome.partition}]@{outcome.offset}"
    tries = f" after {outcome.tries} tries" if outcome.tries > 1 else ""
    style = STYLES.get(outcome.verdict, "dim")
    out.line(f"{outcome.line:>6}  {outcome.verdict.value:<9} {where}  {outcome.key or ''}{tries}", style)
    for text in _details(outcome):
        out.line(f"        {text}")


def conclude(summary: Summary, out: Output) -> None:
    """The whole run."""
    out.line(f"{summary.records:,} records through {summary.service}: {_counts(summary.verdicts) or 'none'}")
    if summary.changed:
        out.line(f"changed: {_counts(summary.changed)}")
    if summary.told:
        out.line(f"would have been sent: {_counts(summary.told)}")
    if summary.left:
        out.line(f"would have run: {_counts(summary.left)}")
    if summary.skipped_topics:
        out.line(f"not heard by {summary.service}: {_counts(summary.skipped_topics)}")
    if summary.stops_at_line is not None:
        out.line(f"the live consumer would have stopped at line {summary.stops_at_line}: too many records died", "red")
    if summary.passed_by_line is not None:
        out.line(f"--break-on {summary.passed_by_line} never stopped: no handler was called for that line", "yellow")


def _details(outcome: Outcome) -> Iterator[str]:
    for change in outcome.changes:
        yield f"{change.operation:<6} {change.table}: {_difference(change)}"
    for told in outcome.told:
        yield f"tells  {told.topic} {told.key}"
    for left in outcome.left:
        yield f"leaves {left.kind} {left.key}"
    if outcome.newer_offset is not None:
        yield f"offset {outcome.newer_offset} is a newer state of its key"
    if outcome.failure is not None:
        yield f"{outcome.failure.code}: {outcome.failure.message}"
        yield from (f"  {line}" for line in outcome.failure.stack.rstrip().splitlines()[-STACK_LINES:])


def _difference(change: Change) -> str:
    old, new = change.old or {}, change.new or {}
    if change.old is None or change.new is None:
        return _short(", ".join(f"{name}={_value(value)}" for name, value in (new or old).items()))
    which = [f"{name}={_value(new[name])}" for name in change.key]
    what = [f"{name}: {_value(old.get(name))} → {_value(new[name])}" for name in new if old.get(name) != new[name]]
    return ", ".join([*which, *what])


def _value(value: Any) -> str:
    return _short(repr(value)) if isinstance(value, str) else _short(str(value))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
