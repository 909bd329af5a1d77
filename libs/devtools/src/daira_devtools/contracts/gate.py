"""The compatibility gate over all topics."""

from pathlib import Path

import msgspec

from daira_contracts.topics import Topic, topics
from daira_devtools.contracts.base import Base
from daira_devtools.contracts.compat import NEXT_VERSION, Change, compare
from daira_devtools.contracts.schema import all_schemas
from daira_devtools.contracts.topic_compat import compare_topics


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


def judge(root: Path, revision: str) -> list[Verdict]:
    """Every change since `revision`, in the order of topics."""
    base = Base(root, revision)
    old_schemas, old_topics = base.schemas(), base.topics()
    schemas, files = all_schemas(), topics()
    verdicts: list[Verdict] = []
    for topic, old in sorted(old_schemas.items()):
        changes = compare(old, schemas[topic]) if topic in schemas else [_gone(old_topics.get(topic))]
        verdicts.extend(_verdicts(topic, changes, old_topics))
    for topic, was in sorted(old_topics.items()):
        if topic in files:
            verdicts.extend(_verdicts(topic, list(compare_topics(was, files[topic])), old_topics))
    for name in base.changed_examples():
        topic = Path(name).parent.name
        verdicts.extend(_verdicts(topic, [_example(name)], old_topics))
    return verdicts


def _verdicts(topic: str, changes: list[Change], old: dict[str, Topic]) -> list[Verdict]:
    known = topics().get(topic) or old.get(topic)
    consumers = known.consumers if known else ()
    return [Verdict(topic=topic, change=change, consumers=consumers) for change in changes]


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
