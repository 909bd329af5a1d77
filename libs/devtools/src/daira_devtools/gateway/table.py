"""The one route table: (method, path template) → service, in the order in which the gateway looks."""

from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import groupby
from pathlib import Path

import msgspec

from daira_devtools.root import checkout_root

FILE = "compose/gateway/routes.json"
SANDBOX_PREFIX = "/v1/sandbox"


class RouteConflict(ValueError):
    """Two services claim one route, or a route does not say who may call it."""


class Access(Enum):
    """What the gateway asks of the access token before a request goes on."""

    PUBLIC = "public"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`template` has `{name}` for one segment and, at the end, `{name...}` for one or more."""

    method: str
    template: str
    service: str
    access: Access

    @property
    def is_sandbox(self) -> bool:
        """Only in the route table of development."""
        return self.template.startswith(SANDBOX_PREFIX)

    @property
    def shape(self) -> str:
        """The template without the names of its variables: what decides whether two routes are the same."""
        return "/".join(_shape(segment) for segment in self.template.split("/"))


def ordered(routes: Iterable[Route]) -> list[Route]:
    """Literal before variable before tail, segment by segment. Raises RouteConflict for duplicates."""
    listed = sorted(routes, key=lambda one: (_rank(one.template), one.method, one.service))
    problems = []
    for (method, shape), group in groupby(listed, key=lambda one: (one.method, one.shape)):
        owners = [one.service for one in group]
        if len(owners) > 1:
            problems.append(f"{method} {shape} is claimed by {', '.join(owners)}")
    if problems:
        raise RouteConflict("; ".join(problems))
    return listed


def encode(routes: Sequence[Route]) -> str:
    """One route a line, so that a change is a line in a diff."""
    lines = [msgspec.json.encode(route).decode() for route in routes]
    return "[\n" + ",\n".join(f"  {line}" for line in lines) + "\n]\n"


def load(path: Path | None = None) -> list[Route]:
    """The committed table."""
    return msgspec.json.decode((path or checkout_root() / FILE).read_bytes(), type=list[Route])


def _rank(template: str) -> list[tuple[int, str]]:
    ranks = {"{}": 1, "{...}": 2}
    shapes = [_shape(segment) for segment in template.split("/")]
    return [(ranks.get(shape, 0), shape) for shape in shapes]


def _shape(segment: str) -> str:
    if not segment.startswith("{"):
        return segment
    return "{...}" if segment.endswith("...}") else "{}"
