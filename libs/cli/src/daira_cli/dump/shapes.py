"""A quick way through records that are as their contract says: they are decoded, hidden and written field by field.

What is known from the contract is compiled once per topic. A record that differs in anything (a field nobody declared,
another type, text in the place of an id) does not fit, and goes the long way.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import reduce
from operator import attrgetter, or_
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType, inspect

from daira_bus.log import LogRecord
from daira_cli.dump.pseudonyms import Pseudonyms

Hide: TypeAlias = Callable[[Any], Any]
HideText: TypeAlias = Callable[[str, str], str]
"""(text, name of its field) → what is shown."""
PLAIN: dict[type[inspect.Type], Any] = {
    inspect.StrType: str,
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.BoolType: bool,
    inspect.DateTimeType: datetime,
}


class Shape:
    """Records of one topic."""

    def __init__(
        self, event: type[msgspec.Struct], kept: frozenset[str], pseudonyms: Pseudonyms, hide_text: HideText
    ) -> None:
        """`kept` names ids that stay. Raises TypeError when the contract holds what no shape can be made of."""
        kind = inspect.type_info(event)
        self._decode = msgspec.json.Decoder(_model(kind, "", kept)).decode
        self._hide = _hider(kind, "", kept, pseudonyms, hide_text)
        self._pseudonyms = pseudonyms
        self._ids = [attrgetter(name) for name in _ids(kind) if name not in kept]

    def hidden(self, records: Sequence[LogRecord]) -> list[Any]:
        """Each record's value without its people, ready to be encoded; None for one that does not fit."""
        found = [self._read(record.value) for record in records]
        there = [one for one in found if one is not None]
        self._pseudonyms.prepare([text for get in self._ids for text in map(get, there) if text])
        return [None if one is None else self._hidden(one) for one in found]

    def _read(self, value: bytes | None) -> Any:
        try:
            return None if value is None else self._decode(value)
        except (msgspec.DecodeError, RecursionError):
            return None

    def _hidden(self, value: Any) -> Any:
        try:
            return value if self._hide is None else self._hide(value)
        except ValueError:
            return None


def _model(kind: inspect.Type, name: str, kept: frozenset[str]) -> Any:
    """The type that a value of `kind` is decoded as: ids as text, nothing left out, nothing added."""
    plain = PLAIN.get(type(kind))
    if plain is not None:
        return plain
    match kind:
        case inspect.UUIDType():
            return UUID if name in kept else str
        case inspect.NoneType():
            return None
        case inspect.EnumType():
            return Literal[tuple(member.value for member in kind.cls)]
        case inspect.Metadata():
            return _model(kind.type, name, kept)
        case inspect.UnionType():
            return reduce(or_, [_model(one, name, kept) for one in kind.types])
        case inspect.VarTupleType() | inspect.ListType():
            return list[_model(kind.item_type, name, kept)]  # type: ignore[misc]
        case inspect.StructType(tag=None):
            fields = [
                (one.encode_name, _model(one.type, one.encode_name, kept) | UnsetType, UNSET) for one in kind.fields
            ]
            return msgspec.defstruct(kind.cls.__name__, fields, kw_only=True, forbid_unknown_fields=True, gc=False)
    raise TypeError(kind)


def _ids(kind: inspect.Type) -> list[str]:
    """Fields that hold one id."""
    fields = kind.fields if isinstance(kind, inspect.StructType) else ()
    return [one.encode_name for one in fields if inspect.UUIDType() in getattr(one.type, "types", (one.type,))]


def _hider(
    kind: inspect.Type, name: str, kept: frozenset[str], pseudonyms: Pseudonyms, hide_text: HideText
) -> Hide | None:
    """What is done with a value of `kind` that is there; None when it stays. Raises ValueError for what is no id."""
    match kind:
        case inspect.StrType():
            return lambda text: hide_text(text, name)
        case inspect.UUIDType():
            return None if name in kept else pseudonyms.ids.__getitem__
        case inspect.Metadata():
            return _hider(kind.type, name, kept, pseudonyms, hide_text)
        case inspect.UnionType():
            found = [_hider(one, name, kept, pseudonyms, hide_text) for one in kind.types]
            return next((hide for hide in found if hide is not None), None)
        case inspect.VarTupleType() | inspect.ListType():
            each = _hider(kind.item_type, name, kept, pseudonyms, hide_text)
            return None if each is None else _each(each)
        case inspect.StructType():
            fields = [
                (one.encode_name, hide)
                for one in kind.fields
                if (hide := _hider(one.type, one.encode_name, kept, pseudonyms, hide_text)) is not None
            ]
            return _fields(fields) if fields else None
    return None


def _each(hide: Hide) -> Hide:
    return lambda values: [hide(one) for one in values]


def _fields(fields: Sequence[tuple[str, Hide]]) -> Hide:
    def hidden(value: Any) -> Any:
        for name, hide in fields:
            if one := getattr(value, name):  # nothing to hide in what is absent, null or empty
                setattr(value, name, hide(one))
        return value

    return hidden
