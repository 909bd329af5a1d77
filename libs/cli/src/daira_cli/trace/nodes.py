"""One thing that happened in a trace, whoever told of it."""

from datetime import datetime
from enum import Enum

import msgspec

Place = tuple[str, int, int]
"""Topic, partition, offset."""


class Kind(Enum):
    """What a node is."""

    REQUEST = "request"
    RECORD = "record"
    HANDLED = "handled"
    JOB = "job"
    LETTER = "letter"


class State(Enum):
    """How a node ended."""

    OK = "ok"
    RETRIED = "retried"
    """Only after a failure that passed, or still at it."""
    MENDED = "mended"
    """Failed, and an operator has settled it since."""
    FAILED = "failed"


class Node(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`span` and `parent_span` are W3C span ids; a record's `span` is the one that sent it."""

    id: str
    kind: Kind
    at: datetime
    """When it began."""
    service: str
    """Who did it; the owner of a record's topic."""
    what: str
    state: State = State.OK
    ms: float | None = None
    detail: str = ""
    trace_id: str = ""
    span: str = ""
    parent_span: str = ""
    event_id: str = ""
    place: Place | None = None
    """A record's own; of a handled record and of a letter, that record's."""


def trace_of(traceparent: str) -> tuple[str, str]:
    """(trace id, span id) of a W3C `traceparent`; empty when it is none."""
    parts = traceparent.split("-")
    if len(parts) < 4 or len(parts[1]) != 32 or len(parts[2]) != 16:
        return "", ""
    return parts[1], parts[2]
