"""What differs between two results, apart from what differs each time: made-up ids and the time of day.

Each run says what it made up (`Outcome.made`): within a record the first such id is the first, the second the second.
What came from the dump counts, also where only one result holds it, and so does what both made up: it is no accident.
Fields that the contract calls volatile are left out of told events.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from daira_cli.run.origins import ID, MOMENT, plain
from daira_cli.run.outcome import Outcome, Told
from daira_contracts._event import Event
from daira_contracts.registry import EVENTS
from daira_stores.changes import Change


class Difference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is not the same; None where it is missing."""

    where: str
    """topic[partition]@offset, or the name of a table."""
    what: str
    a: Any = None
    b: Any = None


def compare(a: Sequence[Outcome], b: Sequence[Outcome]) -> list[Difference]:
    """Record by record, then the rows that are there at the end."""
    both = _made(a) & _made(b)
    return [*_by_record(a, b, both), *_by_table(a, b, both)]


def _by_record(a: Sequence[Outcome], b: Sequence[Outcome], both: set[str]) -> Iterator[Difference]:
    mine, theirs = _by_place(a), _by_place(b)
    for place in dict.fromkeys([*mine, *theirs]):
        one, two = mine.get(place), theirs.get(place)
        if one is None or two is None:
            yield Difference(where=place, what="record", a=one and one.verdict.value, b=two and two.verdict.value)
            continue
        first, second = _shown(one, both), _shown(two, both)
        for what in first:
            if first[what] != second[what]:
                yield Difference(where=place, what=what, a=first[what], b=second[what])


def _by_place(outcomes: Iterable[Outcome]) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    seen: Counter[str] = Counter()
    for one in outcomes:
        place = f"{one.topic}[{one.partition}]@{one.offset}"
        seen[place] += 1
        found[place if seen[place] == 1 else f"{place} #{seen[place]}"] = one
    return found


def _shown(outcome: Outcome, both: set[str]) -> dict[str, Any]:
    failure = outcome.failure and [outcome.failure.code, outcome.failure.message]
    told = [_steady(one) for one in outcome.told]
    parts = {
        "verdict": outcome.verdict.value,
        "failure": failure,
        "changes": outcome.changes,
        "told": told,
        "left": outcome.left,
    }
    shown: dict[str, Any] = _Names(_made([outcome]) - both).shown(msgspec.to_builtins(parts))
    return shown


def _steady(told: Told) -> Told:
    event: type[Event] | None = EVENTS.get(told.topic)
    if event is None or not isinstance(told.value, dict):
        return told
    names = {field.name: field.encode_name for field in msgspec.structs.fields(event)}
    volatile = {names[name] for name in event.volatile}
    return msgspec.structs.replace(told, value={k: v for k, v in told.value.items() if k not in volatile})


def _by_table(a: Sequence[Outcome], b: Sequence[Outcome], both: set[str]) -> Iterator[Difference]:
    mine, theirs = _rows(a, both), _rows(b, both)
    for table in sorted({*mine, *theirs}):
        one, two = mine.get(table, Counter()), theirs.get(table, Counter())
        for row in sorted((one - two) + (two - one)):
            yield Difference(
                where=table, what="row at the end", a=row if one[row] else None, b=row if two[row] else None
            )


def _rows(outcomes: Sequence[Outcome], both: set[str]) -> dict[str, Counter[str]]:
    made = _made(outcomes) - both
    tables: dict[str, list[dict[str, Any]]] = {}
    for outcome in outcomes:
        for change in outcome.changes:
            _apply(change, tables.setdefault(change.table, []))
    return {
        table: Counter(msgspec.json.encode(_Names(made).shown(row), order="sorted").decode() for row in rows)
        for table, rows in tables.items()
    }


def _apply(change: Change, rows: list[dict[str, Any]]) -> None:
    if change.old is not None and change.old in rows:
        rows.remove(change.old)
    if change.new is not None:
        rows.append(change.new)


def _made(outcomes: Iterable[Outcome]) -> set[str]:
    return {plain(one) for outcome in outcomes for one in outcome.made}


class _Names:
    """Names for what only one run knows, in order of appearance."""

    def __init__(self, made: set[str]) -> None:
        self._made = made
        self._given: dict[str, str] = {}

    def shown(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.shown(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.shown(one) for one in value]
        if isinstance(value, str):
            return MOMENT.sub(self._moment, ID.sub(self._id, value))
        return value

    def _id(self, found: re.Match[str]) -> str:
        one = plain(found[0])
        return self._given.setdefault(one, f"<id {len(self._given) + 1}>") if one in self._made else found[0]

    def _moment(self, found: re.Match[str]) -> str:
        one = plain(found[0])
        return "<time>" if one in self._made else one
