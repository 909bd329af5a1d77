"""How long, how buffered and how checked a route is, by what it carries."""

import msgspec


class Treatment(msgspec.Struct, frozen=True, kw_only=True):
    """All times in seconds; 0 is without end.

    `answer_seconds` counts from the end of the request to the end of the answer, `idle_seconds` without a byte,
    `whole_seconds` from the first byte of the request to the last of the answer.
    """

    answer_seconds: float
    idle_seconds: float
    whole_seconds: float
    streams: bool = False
    checks_token_itself: bool = False
    any_origin: bool = False


JSON = Treatment(answer_seconds=15, idle_seconds=20, whole_seconds=60)
"""The body is collected here first (up to the edge's limit): a service never waits for a slow client."""

UPLOAD = Treatment(answer_seconds=0, idle_seconds=60, whole_seconds=0, streams=True, checks_token_itself=True)
"""tus: a chunk may take an hour over a phone's network; only silence ends it."""

BYTES = Treatment(
    answer_seconds=0, idle_seconds=60, whole_seconds=0, streams=True, checks_token_itself=True, any_origin=True
)
"""Segments and images: the path is the capability, a player on any page may fetch them."""

BY_PREFIX = (("/v1/uploads", UPLOAD), ("/media/", BYTES))


def treatment(template: str) -> Treatment:
    """The first prefix that fits; JSON otherwise."""
    return next((kind for prefix, kind in BY_PREFIX if template.startswith(prefix)), JSON)
