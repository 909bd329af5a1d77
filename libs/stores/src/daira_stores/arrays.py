"""Many rows in one statement."""

from collections.abc import Iterable
from typing import Any


def columns_of(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """One list a column, in order, for `unnest(%s::uuid[], %s::bigint[], …)`; of no rows there are no columns."""
    return [list(column) for column in zip(*rows, strict=True)]
