"""The compatibility gate over all topics."""

from collections.abc import Iterator

import msgspec

from daira_cli.contracts.reading import Contracts
from daira_contracts.compat import NEXT_VERSION, Change, compare
from daira_contracts.topic_compat import compare_topics
from daira_contracts.topics import Topic


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one topic, with those whom it hits."""

    topic: str
    change: Change
    consumers: tuple[str, ...]

    def __str__(self) -> str:
        change = self.change
        place = f"{self.topic} {change.field}".rstrip()
        if change.allowed:
            return f"ok     {change.rule}: {place} {change.detail}"
        hit = ", ".join(self.consumers) or "nobody yet"
        return f"BREAKS {change.rule}: {place} {change.detail}\n       hits: {hit}\n       fix: {change.fix}"


def judge(old: Contracts, new: Contracts) -> list[Verdict]:
    """Every change from `old` to `new`, in the order of topics."""
    return [
        Verdict(topic=topic, change=change, consumers=_consumers(topic, old, new))
        for topic, change in sorted(_changes(old, new), key=lambda found: found[0])
    ]


def _changes(old: Contracts, new: Contracts) -> Iterator[tuple[str, Change]]:
    for topic, schema in old.schemas.items():
        if topic in new.schemas:
            yield from ((topic, change) for change in compare(schema, new.schemas[topic]))
        else:
            yield topic, _gone(old.topics.get(topic))
    for topic, was in old.topics.items():
        if topic in new.topics:
            yield from ((topic, change) for change in compare_topics(was, new.topics[topic]))
    for topic in new.topics.keys() - old.topics.keys():
        yield topic, Change(rule="topic-added", field="", detail="is new", allowed=True)
    for name, text in old.examples.items():
        if new.examples.get(name) != text:
            yield name.partition("/")[0], _example(name)


def _consumers(topic: str, old: Contracts, new: Contracts) -> tuple[str, ...]:
    """Those of both: who hears it today, and who was still declared before."""
    found = [known.consumers for known in (new.topics.get(topic), old.topics.get(topic)) if known]
    return tuple(dict.fromkeys(name for consumers in found for name in consumers))


def _gone(was: Topic | None) -> Change:
    """A topic may go once its file said since when nobody writes it."""
    announced = bool(was and was.sunset)
    detail = f"is gone; nobody writes it since {was.sunset}" if was and was.sunset else "is gone"
    return Change(rule="topic-removed", field="", detail=detail, allowed=announced, fix=NEXT_VERSION)


def _example(name: str) -> Change:
    return Change(
        rule="example-changed",
        field="",
        detail=f"{name} was changed or removed; examples are what once was on the wire",
        allowed=False,
        fix="restore it and add another case beside it",
    )
