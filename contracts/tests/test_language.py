"""The language of events is small on purpose: it can be compared, generated and read in every tool."""

from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec import inspect

from daira_contracts._event import Event, OpenEnum
from daira_contracts.registry import EVENTS

SCALARS = (inspect.StrType, inspect.IntType, inspect.BoolType, inspect.UUIDType)

every_event = pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)


def complaints(kind: inspect.Type, at: str) -> Iterator[str]:
    """Why a type is not of the language, with the place where it stands."""
    if isinstance(kind, inspect.Metadata):
        yield from complaints(kind.type, at)
    elif isinstance(kind, inspect.UnionType):
        yield from _union(kind, at)
    elif isinstance(kind, inspect.VarTupleType):
        yield from complaints(kind.item_type, f"{at}[]")
    elif isinstance(kind, inspect.StructType):
        yield from _struct(kind, at)
    elif isinstance(kind, inspect.EnumType):
        if not issubclass(kind.cls, OpenEnum) or "UNKNOWN" not in kind.cls.__members__:
            yield f"{at}: an old reader would stumble over a new member of {kind.cls.__name__}"
    elif isinstance(kind, inspect.DateTimeType):
        if kind.tz is not True:
            yield f"{at}: a moment without a time zone"
    elif not isinstance(kind, SCALARS):
        yield f"{at}: {type(kind).__name__} is not of the language"


def _union(kind: inspect.UnionType, at: str) -> Iterator[str]:
    options = [option for option in kind.types if not isinstance(option, inspect.NoneType)]
    if len(options) != 1:
        yield f"{at}: the only union is a type or null"
    for option in options:
        yield from complaints(option, at)


def _struct(kind: inspect.StructType, at: str) -> Iterator[str]:
    if not kind.cls.__struct_config__.frozen:
        yield f"{at}: {kind.cls.__name__} is not frozen"
    for field in kind.fields:
        yield from complaints(field.type, f"{at}.{field.encode_name}")
        if "_" in field.encode_name:
            yield f"{at}.{field.encode_name}: not camelCase"


@every_event
def test_an_event_uses_the_language_only(event: type[Event]) -> None:
    assert list(complaints(inspect.type_info(event), event.__name__)) == []


class Loose(Enum):
    A = "A"


@pytest.mark.parametrize(
    "kind", [float, datetime, dict[str, int], Any, str | int, Loose, bytes, list[float], tuple[UUID, int]]
)
def test_what_is_not_of_the_language_is_named(kind: Any) -> None:
    struct = msgspec.defstruct("Odd", [("field", kind)], frozen=True, kw_only=True)

    assert len(list(complaints(inspect.type_info(struct), "Odd"))) == 1


@every_event
def test_a_reader_ignores_fields_it_does_not_know(event: type[Event]) -> None:
    assert not event.__struct_config__.forbid_unknown_fields
