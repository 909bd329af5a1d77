"""The statements of this library meet the same tables in every service that uses it."""

import pytest

from daira_testing.fixtures import MakeDatabase
from daira_testing.schema import describe_schema

SERVICES = {"media": "media_id", "video": "video_id"}
"""With the column in which each keeps an upload's id."""


async def tables_of(make_database: MakeDatabase, service: str) -> dict[str, list[tuple[str, ...]]]:
    schema = await describe_schema((await make_database(service)).dsn)
    word = SERVICES[service]
    shown = [tuple(fact.replace(word, "upload_id") for fact in facts) for facts in schema["shown"]]
    alike = sorted(facts for facts in shown if not facts[0].startswith("shown_"))  # indexes have names of their own
    return {name: schema[name] for name in ("account", "follower", "erased_person", "narrowing")} | {"shown": alike}


@pytest.mark.parametrize("service", list(SERVICES)[1:])
async def test_every_service_has_the_same_tables(make_database: MakeDatabase, service: str) -> None:
    first = next(iter(SERVICES))
    assert await tables_of(make_database, service) == await tables_of(make_database, first)
