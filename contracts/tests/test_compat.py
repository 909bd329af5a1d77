"""The compatibility gate, rule by rule, on structs as a person would change them."""

from enum import Enum
from typing import Annotated, cast
from uuid import UUID

import msgspec
import pytest

from daira_contracts._event import Event, Nested, OpenEnum
from daira_contracts.compat import compare
from daira_contracts.schema import event_schema
from daira_contracts.topic_compat import compare_topics
from daira_contracts.topics import Kind, Pii, Topic


class Mood(OpenEnum):
    GOOD = "GOOD"
    BAD = "BAD"
    UNKNOWN = "UNKNOWN"


class MoodMore(OpenEnum):
    GOOD = "GOOD"
    BAD = "BAD"
    MIXED = "MIXED"
    UNKNOWN = "UNKNOWN"


class MoodLess(OpenEnum):
    GOOD = "GOOD"
    UNKNOWN = "UNKNOWN"


class Closed(Enum):
    ON = "ON"


class ClosedMore(Enum):
    ON = "ON"
    OFF = "OFF"


class Part(Nested, frozen=True, kw_only=True):
    name: str


class PartMore(Nested, frozen=True, kw_only=True):
    name: str
    size: int


class PartWithDefault(Nested, frozen=True, kw_only=True):
    name: str
    size: int = 0


def changes(old: dict[str, object], new: dict[str, object]) -> list[tuple[str, str, bool]]:
    """Rule, field and verdict for a struct with the fields `old` becoming one with the fields `new`."""
    found = compare(event_schema(_event(old)), event_schema(_event(new)))
    return [(change.rule, change.field, change.allowed) for change in found]


def _event(fields: dict[str, object]) -> type[Event]:
    listed = [(name, *kind) if isinstance(kind, tuple) else (name, kind) for name, kind in fields.items()]
    named = {"topic": "feed.thing-changed.v1"}
    made = msgspec.defstruct(
        "ThingChangedV1", listed, bases=(Event,), namespace=named, frozen=True, kw_only=True, rename="camel"
    )
    return cast("type[Event]", made)


CASES = [
    ("nothing changes", {"a": str}, {"a": str}, []),
    ("a field with a default is added", {"a": str}, {"a": str, "b": (int, 0)}, [("added", "b", True)]),
    ("a field gets a default", {"a": int}, {"a": (int, 0)}, [("gained-default", "a", True)]),
    ("an open enum learns a member", {"a": Mood}, {"a": MoodMore}, [("new-member", "a", True)]),
    ("a required field is added", {"a": str}, {"a": str, "b": int}, [("new-required", "b", False)]),
    ("a field is removed", {"a": str, "b": int}, {"a": str}, [("removed", "b", False)]),
    (
        "a field is renamed",
        {"a": str, "b": (int, 0)},
        {"a": str, "c": (int, 0)},
        [("renamed", "b", False)],
    ),
    (
        "a field is replaced by one of another type",
        {"a": str, "b": (int, 0)},
        {"a": str, "c": (str, "")},
        [("removed", "b", False), ("added", "c", True)],
    ),
    ("a field loses its default", {"a": (int, 0)}, {"a": int}, [("made-required", "a", False)]),
    ("a text becomes a number", {"a": str}, {"a": int}, [("retyped", "a", False)]),
    ("an id becomes a text", {"a": UUID}, {"a": str}, [("retyped", "a", False)]),
    ("a field may be null now", {"a": str}, {"a": str | None}, [("retyped", "a", False)]),
    ("a field may not be null any more", {"a": str | None}, {"a": str}, [("retyped", "a", False)]),
    ("a list changes its items", {"a": tuple[UUID, ...]}, {"a": tuple[int, ...]}, [("retyped", "a[]", False)]),
    ("an enum forgets a member", {"a": Mood}, {"a": MoodLess}, [("narrowed", "a", False)]),
    ("a closed enum learns a member", {"a": Closed}, {"a": ClosedMore}, [("new-member", "a", False)]),
    (
        "a default changes its value",
        {"a": (int, 0)},
        {"a": (int, 1)},
        [("default-changed", "a", False)],
    ),
    (
        "a limit appears",
        {"a": str},
        {"a": Annotated[str, msgspec.Meta(max_length=5)]},
        [("limit-changed", "a", False)],
    ),
    ("a part gets a required field", {"a": Part}, {"a": PartMore}, [("new-required", "a.size", False)]),
    (
        "a part in a list gets a field with a default",
        {"a": tuple[Part, ...]},
        {"a": tuple[PartWithDefault, ...]},
        [("added", "a[].size", True)],
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_change_is_judged_by_its_rule(
    old: dict[str, object], new: dict[str, object], expected: list[tuple[str, str, bool]]
) -> None:
    assert changes(old, new) == expected


def test_a_difference_that_no_rule_knows_is_refused() -> None:
    old = {"type": "object", "properties": {"a": {"type": "string"}}}
    new = {"type": "object", "properties": {"a": {"type": "string", "contentEncoding": "base64"}}}

    (change,) = compare(old, new)

    assert (change.rule, change.field, change.allowed) == ("unclassified", "a", False)


def test_prose_is_not_a_change() -> None:
    old = {"type": "object", "description": "before", "properties": {"a": {"type": "string", "title": "x"}}}
    new = {"type": "object", "description": "after", "properties": {"a": {"type": "string", "title": "y"}}}

    assert compare(old, new) == []


BASE = Topic(
    topic="feed.fact.v1",
    description="A fact.",
    owner="feed",
    kind=Kind.FACT,
    key=("postId",),
    partitions=6,
    retention="7d",
    pii=Pii.NONE,
    producers=("feed",),
    consumers=("user",),
)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", ("userId",)),
        ("kind", Kind.STATE),
        ("partitions", 12),
        ("owner", "user"),
        ("retention", "1d"),
        ("max_bytes", 2048),
        ("producers", ("feed", "user")),
    ],
)
def test_a_promise_of_a_topic_file_is_kept_within_a_version(field: str, value: object) -> None:
    changed = msgspec.structs.replace(BASE, **{field: value})

    assert [change.allowed for change in compare_topics(BASE, changed)] == [False]


@pytest.mark.parametrize(
    ("field", "value"),
    [("retention", "30d"), ("retention", "forever"), ("max_bytes", 131_072), ("consumers", ("user", "video"))],
)
def test_a_topic_may_promise_more(field: str, value: object) -> None:
    changed = msgspec.structs.replace(BASE, **{field: value})

    assert list(compare_topics(BASE, changed)) == []
