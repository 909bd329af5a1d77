"""What may change in a topic file."""

from collections.abc import Iterator

from daira_contracts.compat import Change
from daira_contracts.topics import Topic

# Field of the topic file → why it may not change within a version.
FIXED = {
    "key": "records of one key would lie under two keys, and compaction would keep both",
    "kind": "projections were built on what the topic promised",
    "partitions": "the order of a key holds within one partition only",
    "owner": "a fact has one writer",
}


def compare_topics(old: Topic, new: Topic) -> Iterator[Change]:
    for field, reason in FIXED.items():
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            detail = f"was {before}, is {after}: {reason}"
            yield Change(rule="topic-fixed", field=field, detail=detail, allowed=False)
    if new.max_bytes < old.max_bytes:
        detail = f"was {old.max_bytes}, is {new.max_bytes}: records that were accepted would be refused"
        yield Change(rule="narrowed", field="maxBytes", detail=detail, allowed=False)
    if _days(new.retention) < _days(old.retention):
        detail = f"was {old.retention}, is {new.retention}: a rebuild would find less than it may rely on"
        yield Change(rule="narrowed", field="retention", detail=detail, allowed=False)
    if set(old.producers) != set(new.producers):
        detail = f"was {', '.join(old.producers)}, is {', '.join(new.producers)}"
        yield Change(rule="topic-fixed", field="producers", detail=detail, allowed=False)


def _days(retention: str) -> float:
    return float("inf") if retention in ("forever", "compact") else int(retention.removesuffix("d"))
