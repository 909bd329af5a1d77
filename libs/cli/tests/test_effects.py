"""A replay reaches nobody: no message to a phone, no call of a provider, no record in a topic, no job run."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from psycopg import AsyncConnection

from daira_bus.log import open_log
from daira_cli.exits import Exit
from daira_cli.services import find, names
from daira_contracts._event import Event
from daira_contracts.registry import EVENTS
from daira_contracts.topics import grouped_consumers, topics
from daira_contracts.user import FollowState, ProfileChangedV1, ProfileState, RelationChangedV1, SettingsChangedV1
from daira_devtools.root import checkout_root
from daira_devtools.stack import Endpoints
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_kit.settings import environment
from daira_stores.postgres import Database
from daira_stores.scratch import database_dsn, drop_database, drop_keyspace
from daira_testing.command import say
from daira_testing.dumps import dump_line, service_environment, write_dump
from daira_testing.fixtures import MakeDatabase
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe

RECORDS = 1_000 if environment("SIZE") == "full" else 100
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LISTENERS = sorted({name for topic in topics().values() for name in grouped_consumers(topic)})
SILENT = sorted(set(names()) - set(LISTENERS))


class World:
    """Everything outside: counts who comes."""

    def __init__(self) -> None:
        self.visits = 0
        self.port = 0

    async def open(self) -> asyncio.Server:
        server = await asyncio.start_server(self._visit, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _visit(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        writer.close()


@pytest_asyncio.fixture(loop_scope="session")
async def world() -> AsyncIterator[World]:
    found = World()
    server = await found.open()
    yield found
    server.close()


def examples(service: str) -> Iterator[Event]:
    """The contracts' examples of every topic the service hears, over and over with other people."""
    heard = [topic.topic for topic in topics().values() if service in grouped_consumers(topic)]
    folder = checkout_root() / "contracts" / "examples"
    texts = [(EVENTS[topic], file.read_text()) for topic in heard for file in sorted((folder / topic).glob("*.json"))]
    for number in count(1):
        for event_type, text in texts:
            event = msgspec.json.decode(ID.sub(partial(other, number), text), type=event_type)
            yield msgspec.structs.replace(event, event_id=new_id(), revision=number % 3 + 1)


def other(number: int, found: re.Match[str]) -> str:
    """Within a round ids stay the same, so that posts find their authors."""
    return f"{found[0][:24]}{int(found[0][24:], 16) + (number << 24):012x}"


def led_outside(service: str, world: World, prefix: str) -> dict[str, str]:
    """Kafka, objects and the real providers are where `world` counts who comes."""
    outside = f"127.0.0.1:{world.port}"
    values = {name: f"http://{outside}" for name in ("SINCH_URL", "WHATSAPP_URL", "SMS_URL", "S3_ENDPOINT")}
    values |= {"KAFKA_BOOTSTRAP": outside, "TOPIC_PREFIX": prefix, "PROVIDERS": "live"}
    fields = {field.name.upper() for field in msgspec.structs.fields(find(service).settings)}
    return {f"DAIRA_{service.upper()}_{name}": value for name, value in values.items() if name in fields}


@pytest.mark.slow
@pytest.mark.sized(RECORDS)
@pytest.mark.parametrize("service", LISTENERS)
async def test_records_of_all_that_a_service_hears_reach_nobody(
    service: str,
    stack: Endpoints,
    probe: TopicProbe,
    mint: TokenMint,
    world: World,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (service_environment(stack, mint) | led_outside(service, world, probe.prefix)).items():
        monkeypatch.setenv(name, value)
    events = islice(examples(service), RECORDS)
    file = write_dump(tmp_path / "many.jsonl", (dump_line(event, n) for n, event in enumerate(events)))
    async with open_log(probe.bootstrap, probe.prefix) as log:
        before = await log.spans(await log.topics())

    said = await say(
        "replay", "run", file, "--service", service, "--scratch-redis", redis_url, "--quiet", "--keep", "--json"
    )

    assert said.code == Exit.OK, said.err + said.out[-2_000:]
    summary = json.loads(said.out.splitlines()[-1])["summary"]
    try:
        assert summary["records"] == RECORDS
        assert summary["verdicts"].get("accepted", 0) >= RECORDS * 0.9
        async with open_log(probe.bootstrap, probe.prefix) as log:
            assert await log.spans(await log.topics()) == before
        assert world.visits == 0
        assert await begun(stack, kept(said.err)) == (0, 0)
    finally:
        await drop_database(stack.postgres_dsn("postgres"), kept(said.err))
        await drop_keyspace(stack.cql_hosts, stack.cql_port, kept(said.err))


@pytest.mark.parametrize("service", SILENT)
async def test_a_service_without_handlers_says_that_it_hears_nothing(
    service: str, stack: Endpoints, mint: TokenMint, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in service_environment(stack, mint).items():
        monkeypatch.setenv(name, value)
    event = next(examples("feed"))
    file = write_dump(tmp_path / "one.jsonl", [dump_line(event, 0)])

    said = await say("replay", "run", file, "--service", service, "--scratch-redis", redis_url)

    assert said.code == Exit.USAGE
    assert "it hears nothing yet" in said.err


@pytest_asyncio.fixture(loop_scope="session")
async def till(
    stack: Endpoints,
    probe: TopicProbe,
    mint: TokenMint,
    world: World,
    make_database: MakeDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> Database:
    """The real database of a service that is installed for this test only, and does in handlers what none should."""
    monkeypatch.syspath_prepend(Path(__file__).parent / "tomorrow")
    database = await make_database("till")
    values = service_environment(stack, mint) | led_outside("till", world, probe.prefix)
    values |= {"DAIRA_TILL_POSTGRES_DSN": database.dsn, "DAIRA_TILL_TELLER": f"http://127.0.0.1:{world.port}/"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return database


async def moved(till: Database) -> dict[str, int]:
    """Rows of the till's real tables."""
    async with till.read() as work:
        row = await work.one(
            """
            SELECT (SELECT count(*) FROM ledger) AS ledger, (SELECT count(*) FROM outbox) AS outbox,
                   (SELECT count(*) FROM job) AS job
            """
        )
    assert row
    return dict(row)


async def test_whatever_a_service_of_tomorrow_does_in_its_handlers_moves_no_money_and_reaches_nobody(
    till: Database, world: World, tmp_path: Path
) -> None:
    relation = RelationChangedV1(actor_id=new_id(), target_id=new_id(), follow=FollowState.FOLLOWING)
    events = [profile(), SettingsChangedV1(user_id=new_id()), relation]
    file = write_dump(tmp_path / "tomorrow.jsonl", (dump_line(event, n) for n, event in enumerate(events)))

    said = await say("replay", "run", file, "--service", "till", "--json")

    *outcomes, last = map(json.loads, said.out.splitlines())
    by_topic = {one["topic"]: one for one in outcomes}
    by_the_books = by_topic.pop(ProfileChangedV1.topic)
    assert by_the_books["verdict"] == "accepted"
    assert [change["table"] for change in by_the_books["changes"]] == ["ledger"]
    assert last["summary"]["told"] == {SettingsChangedV1.topic: 3}
    assert last["summary"]["left"] == {"pay-out": 2}
    assert [one["verdict"] for one in by_topic.values()] == ["blocked", "blocked"]
    assert all(f"does not reach 127.0.0.1:{world.port}" in one["failure"]["message"] for one in by_topic.values())
    assert said.code == Exit.FOUND
    assert world.visits == 0
    assert await moved(till) == {"ledger": 0, "outbox": 0, "job": 0}


async def test_without_effects_a_service_of_tomorrow_keeps_its_books_and_leaves_nothing_to_send_or_do(
    till: Database, world: World, probe: TopicProbe, tmp_path: Path
) -> None:
    file = write_dump(tmp_path / "tomorrow.jsonl", [dump_line(profile(), 0)])
    words = ["--live", "--edited", "--confirm", ProfileChangedV1.topic, "--reason", "case 7", "--effects", "none"]
    before = len(await probe.records(SettingsChangedV1.topic))

    said = await say(
        "replay", "run", file, "--service", "till", *words, "--bootstrap", probe.bootstrap, "--prefix", probe.prefix
    )

    assert said.code == Exit.OK, said.err
    assert await moved(till) == {"ledger": 1, "outbox": 0, "job": 0}
    assert world.visits == 0
    assert len(await probe.records(SettingsChangedV1.topic)) == before


def profile() -> ProfileChangedV1:
    user_id = new_id()
    return ProfileChangedV1(
        user_id=user_id, state=ProfileState.ACTIVE, handle=f"h{user_id.hex[-8:]}", display_name="x", created_at=now()
    )


def kept(told: str) -> str:
    """The database's name, as the command told it."""
    found = re.search(r"kept: database (\w+)", told)
    assert found, told
    return found[1]


async def begun(stack: Endpoints, database: str) -> tuple[int, int]:
    """(rows sent, jobs begun) in a throw-away database."""
    async with await AsyncConnection.connect(database_dsn(stack.postgres_dsn("postgres"), database)) as connection:
        cursor = await connection.execute(
            """
            SELECT (SELECT count(*) FROM outbox WHERE published_at IS NOT NULL),
                   (SELECT count(*) FROM job WHERE attempts > 0 OR leased_by IS NOT NULL)
            """
        )
        row = await cursor.fetchone()
        assert row
        return row[0], row[1]
