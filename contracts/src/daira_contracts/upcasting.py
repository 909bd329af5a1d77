"""Old records for new code: functions that turn the body of one version of a topic into that of the next.

Live consumers never need them: a new version is written beside the old one until everybody has moved. They are for
dumps that are older than the code.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from daira_contracts.topics import NAME

Body = dict[str, Any]


class Upcast(msgspec.Struct, frozen=True, kw_only=True):
    """`change(body)` returns the body of `to_topic`; a pure function of the old one, in wire names (camelCase)."""

    from_topic: str
    to_topic: str
    change: Callable[[Body], Body]


UPCASTS: tuple[Upcast, ...] = ()
"""Every one there is, one for each step of a version. Written together with the new version's struct."""


def path_between(topic: str, wanted: str, upcasts: Sequence[Upcast] = UPCASTS) -> list[Upcast] | None:
    """The steps from `topic` to `wanted`, in order; none when they are the same, None when a step is missing."""
    steps: list[Upcast] = []
    while topic != wanted:
        step = next((one for one in upcasts if one.from_topic == topic), None)
        if step is None or len(steps) > len(upcasts):
            return None
        steps.append(step)
        topic = step.to_topic
    return steps


def are_versions_of_one(topic: str, other: str) -> bool:
    """Whether two topics differ in nothing but their version."""
    one, two = NAME.match(topic), NAME.match(other)
    return bool(one and two and one["owner"] == two["owner"] and one["fact"] == two["fact"] and topic != other)


def missing_fields(body: Body, event: type[msgspec.Struct]) -> list[str]:
    """Fields of `event` without a default that an older body lacks, in wire names."""
    return [
        field.encode_name for field in msgspec.structs.fields(event) if field.required and field.encode_name not in body
    ]
