"""Rows become structs."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def convert(row: dict[str, Any] | None, type_: type[T]) -> T | None:
    """The row as a struct, or None."""
    return None if row is None else msgspec.convert(row, type_, strict=False)


def convert_all(rows: Sequence[dict[str, Any]], type_: type[T]) -> list[T]:
    """All rows."""
    return [msgspec.convert(row, type_, strict=False) for row in rows]
