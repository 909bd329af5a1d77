"""Rows given as one array a column arrive as they were."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from daira_stores.arrays import columns_of
from daira_testing.fixtures import MakeDatabase

TEXTS = [
    "سلمى",
    "",
    "null",
    "NULL",
    None,
    "{a,b}",
    "a,b",
    " spaced ",
    "🫶",
    "\x7f",
    "it's",
    "%s",
    'say "hello"',
    "back\\slash",
    "line\nand\ttab",
    "\x01",
    "back\\\nslash and line",
    '\\"\n',
    "\\n",
    "\\\\",
    '{"in": "JSON \\" \\\\ \\n"}',
    "\u2028",
]


@pytest.mark.parametrize("texts", [TEXTS, *([text] for text in TEXTS)], ids=repr)
async def test_rows_arrive_as_they_were(make_database: MakeDatabase, texts: list[str | None]) -> None:
    rows = [
        (UUID(int=number), text, number - 5, number % 2 == 0, datetime(2026, 11, 1, 2, 3, 4, number, tzinfo=UTC))
        for number, text in enumerate(texts)
    ]
    database = await make_database()
    async with database.read() as work:
        found = await work.all(
            """
            SELECT * FROM unnest(%s::uuid[], %s::text[], %s::bigint[], %s::bool[], %s::timestamptz[])
                AS told (id, word, number, is_even, at)
            """,
            columns_of(rows),
        )
    assert [tuple(row.values()) for row in found] == rows


def test_of_no_rows_there_are_no_columns() -> None:
    assert columns_of([]) == []
