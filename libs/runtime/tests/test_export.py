"""A service's part of an export: wished for by an event, written by a job, told by an event."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
import pytest

from daira_contracts.exports import part_key
from daira_contracts.feed import ExportPartWrittenV1
from daira_contracts.user import ExportRequestedV1
from daira_devtools.stack import Endpoints
from daira_kit.errors import Unavailable
from daira_kit.ids import new_id
from daira_kit.settings import CommonSettings
from daira_runtime import Export, Parts, Platform, open_process
from daira_runtime.export import CHUNK, document
from daira_stores.objects import JsonParts, open_objects
from daira_stores.postgres import Database
from daira_stores.sections import Sections, read_sections
from daira_testing.fixtures import MakeDatabase
from daira_testing.topics import TopicProbe

CommonMaker = Callable[[Database], dict[str, Any]]
SECTIONS: Sections = {
    "numbers": "SELECT n AS whole_number, %(user)s AS user_id FROM generate_series(1, 3) n",
    "nothing": "SELECT 1 WHERE false AND %(user)s IS NOT NULL",
    "rest": "SELECT true AS is_last WHERE %(user)s IS NOT NULL",
}


async def records(*pairs: tuple[str, object]) -> AsyncIterator[tuple[str, object]]:
    for pair in pairs:
        yield pair


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ((), {}),
        ((("a", 1),), {"a": [1]}),
        ((("a", 1), ("a", {"x": None}), ("b", "ب")), {"a": [1, {"x": None}], "b": ["ب"]}),
    ],
)
async def test_a_part_is_one_object_with_a_list_for_each_section(pairs: Any, expected: Any) -> None:
    written = b"".join([chunk async for chunk in document(records(*pairs))])

    assert msgspec.json.decode(written) == expected


async def test_a_large_part_leaves_in_small_chunks() -> None:
    record = ("a", "x" * 1000)

    sizes = [len(chunk) async for chunk in document(records(*[record] * 2000))]

    assert sum(sizes) > 2_000_000
    assert max(sizes) < CHUNK + 2_000


async def test_a_part_is_written_and_told_whatever_failed_before(
    make_database: MakeDatabase, common_settings: CommonMaker, stack: Endpoints, probe: TopicProbe
) -> None:
    objects = open_objects(stack.s3_endpoint, stack.s3_access_key, stack.s3_secret_key, stack.s3_bucket)
    person, wish, failures = new_id(), new_id(), [Unavailable("down"), ValueError("a bug that passes")]

    async def collect(user_id: UUID) -> AsyncIterator[tuple[str, object]]:
        if failures:
            raise failures.pop()
        async for pair in read_sections(database, SECTIONS, user_id):
            yield pair

    @asynccontextmanager
    async def build(settings: CommonSettings, platform: Platform) -> AsyncIterator[Parts]:
        yield Parts(export=Export(told=ExportPartWrittenV1, collect=collect, put=JsonParts(objects).put))

    database = await make_database()
    async with open_process("feed", CommonSettings(**common_settings(database)), build):
        await probe.publish(ExportRequestedV1(user_id=person, export_id=wish))
        told = await probe.wait_for(ExportPartWrittenV1, lambda event: event.export_id == wish)
    found = bytes(await (await objects.get_async(part_key(wish, "feed"))).bytes_async())
    await objects.delete_async(part_key(wish, "feed"))

    assert (told.user_id, told.size_bytes) == (person, len(found))
    assert msgspec.json.decode(found) == {
        "numbers": [{"wholeNumber": n, "userId": str(person)} for n in (1, 2, 3)],
        "rest": [{"isLast": True}],
    }
