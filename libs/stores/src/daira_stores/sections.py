"""Everything a database holds of one person, section by section; for exports."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, LiteralString
from uuid import UUID

from daira_stores.postgres import Database

Sections = Mapping[str, LiteralString]
"""By section a SELECT with `%(user)s`; its columns, in camelCase, are the fields of a record."""


async def read_sections(
    database: Database, sections: Sections, user_id: UUID
) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """(section, record) for each row, in the order of `sections`. Raises DatabaseUnavailable."""
    async with database.read() as work:
        for section, statement in sections.items():
            async with aclosing(work.stream(statement, {"user": user_id})) as rows:
                async for row in rows:
                    yield section, {camel(name): value for name, value in row.items()}


def camel(name: str) -> str:
    """`display_name` as clients know it."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
