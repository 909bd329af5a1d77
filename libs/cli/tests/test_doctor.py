"""`daira doctor` on real servers: quiet when all is well, and one line for each thing that is not."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest

from daira_bus import topics as broker
from daira_bus.producer import open_producer
from daira_cli.doctor import database as of_database
from daira_cli.doctor import others
from daira_cli.exits import Exit
from daira_cli.services import find
from daira_contracts.topics import dead_letter_name
from daira_contracts.user import ProfileChangedV1
from daira_devtools.stack import Endpoints
from daira_kit.clock import now
from daira_runtime import Process, open_process
from daira_stores.postgres import Database
from daira_stores.vitals import saved_keys, vitals
from daira_testing.command import Said, say, surroundings_of
from daira_testing.delivery import change
from daira_testing.fixtures import MakeDatabase
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

Checks = list[dict[str, Any]]
NOBODY = "127.0.0.1:1"


@pytest.fixture
async def own_topics(stack: Endpoints) -> AsyncIterator[TopicProbe]:
    """Topics nobody else writes to."""
    prefix = f"d{secrets.token_hex(4)}."
    await broker.apply(stack.kafka_bootstrap, prefix)
    async with open_producer(stack.kafka_bootstrap, "test", prefix) as producer:
        yield TopicProbe(stack.kafka_bootstrap, prefix, producer)
    await broker.remove_all(stack.kafka_bootstrap, prefix)


class Patient:
    """One service as the doctor finds it: its database, its topics, its environment."""

    def __init__(self, name: str, database: Database, probe: TopicProbe, settings: dict[str, Any]) -> None:
        self.name, self.database, self.probe, self.settings = name, database, probe, settings

    async def examined(self) -> Said:
        return await say("doctor", "--service", self.name, "--json")

    async def findings(self, area: str) -> Checks:
        return [one for one in (await self.examined()).json["checks"] if one["area"] == area and not one["ok"]]


Admit = Callable[[str], Awaitable[Patient]]


@pytest.fixture
async def admit(
    make_database: MakeDatabase,
    own_topics: TopicProbe,
    stack: Endpoints,
    redis_url: str,
    object_settings: dict[str, str],
    common_settings: Callable[[Database], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> Admit:
    """`await admit("wallet")`: migrated, in the environment, not running."""

    async def make(name: str) -> Patient:
        database = await make_database(name)
        known = {field.name for field in msgspec.structs.fields(find(name).settings)}
        values = common_settings(database) | object_settings | {"redis_url": redis_url}
        values |= {"topic_prefix": own_topics.prefix}
        settings = {field: value for field, value in values.items() if field in known}
        for variable, value in surroundings_of(name, settings).items():
            monkeypatch.setenv(variable, value)
        return Patient(name, database, own_topics, settings)

    return make


ReadyProcess = Callable[[dict[str, Any]], Awaitable[int]]


@pytest.fixture
async def ready_process() -> AsyncIterator[ReadyProcess]:
    """`await ready_process(body)`: the port of a process that answers everything with it."""
    servers: list[asyncio.Server] = []

    async def serve(body: dict[str, Any]) -> int:
        content = msgspec.json.encode(body)

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content))
            writer.close()

        servers.append(await asyncio.start_server(answer, "127.0.0.1", 0))
        return int(servers[-1].sockets[0].getsockname()[1])

    yield serve
    for server in servers:
        server.close()


async def test_a_service_that_is_well_has_no_finding(admit: Admit, mint: TokenMint) -> None:
    patient = await admit("wallet")
    await patient.probe.publish(mint.event)
    service = find("wallet")
    async with open_process("wallet", service.settings(**patient.settings), service.build) as process:
        await eventually(lambda: _has_saved_keys(process, patient))

        said = await patient.examined()

    assert [one for one in said.json["checks"] if not one["ok"]] == []
    assert said.code == Exit.OK
    looked_at = {one["area"] for one in said.json["checks"]}
    assert looked_at >= {"kafka", "postgres", "topics", "schema", "outbox", "jobs", "signing keys", "clock", "disk"}


async def _has_saved_keys(_process: Process, patient: Patient) -> bool:
    return bool(await saved_keys(patient.database.dsn, f"{patient.probe.prefix}auth.signing-key-changed.v1"))


async def test_a_stores_latency_is_said(admit: Admit) -> None:
    checks = (await (await admit("feed")).examined()).json["checks"]

    reached = {one["area"]: one["said"] for one in checks if one["area"] in ("kafka", "postgres", "redis", "s3")}
    assert all("answers in" in said for said in reached.values())
    assert len(reached) == 4


async def test_a_group_nobody_reads_for_is_found_with_what_waits(admit: Admit) -> None:
    patient = await admit("feed")
    assert "nobody reads for it, 0 behind" in (await patient.findings("groups"))[0]["said"]
    await patient.probe.producer.send(ProfileChangedV1.topic, b"k", b"{}", [])

    (found,) = await patient.findings("groups")

    assert (found["subject"], "1 behind" in found["said"]) == ("daira.feed", True)
    assert found["then"] == "start feed's worker"


async def test_open_dead_letters_are_found_where_they_lie(admit: Admit) -> None:
    patient = await admit("feed")
    assert await patient.findings("dead letters") == []
    topic = dead_letter_name(ProfileChangedV1.topic, "feed")
    await patient.probe.producer.send(topic, b"k", b"{}", [("daira-original-topic", ProfileChangedV1.topic.encode())])

    (found,) = await patient.findings("dead letters")

    assert (found["subject"], found["said"]) == (f"{ProfileChangedV1.topic} at feed", "1 open")
    assert found["then"] == f"daira dlq ls --topic {ProfileChangedV1.topic}"


async def test_events_that_no_relay_publishes_are_found(admit: Admit) -> None:
    patient = await admit("wallet")
    async with patient.database.work() as work:
        await work.emit(change())
        await work.execute("UPDATE outbox SET created_at = created_at - interval '5 minutes'")

    (found,) = await patient.findings("outbox")

    assert found["said"] == "1 events wait, the oldest for 5 min"


async def test_jobs_that_gave_up_or_that_nobody_begins_are_found(admit: Admit) -> None:
    patient = await admit("wallet")
    async with patient.database.work() as work:
        await work.enqueue("pay-out", "1")
        await work.enqueue("settle", "1")
        await work.execute("UPDATE job SET state = 'DEAD' WHERE kind = 'pay-out'")
        await work.execute("UPDATE job SET due_at = due_at - interval '2 hours' WHERE kind = 'settle'")

    dead, late = await patient.findings("jobs")

    assert dead["said"] == "1 gave up: pay-out"
    assert late["said"] == "1 due, nobody has begun the oldest for 2 h"


async def test_pending_migrations_are_found_and_nothing_is_asked_of_tables_that_are_not_there(
    admit: Admit, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = await admit("feed")
    monkeypatch.setenv("DAIRA_FEED_POSTGRES_DSN", (await make_database()).dsn)

    (found,) = await patient.findings("schema")

    assert "pending" in found["said"]
    assert found["then"] == "daira migrate --plan --service feed"


async def test_missing_topics_are_found(admit: Admit, monkeypatch: pytest.MonkeyPatch) -> None:
    patient = await admit("wallet")
    monkeypatch.setenv("DAIRA_WALLET_TOPIC_PREFIX", f"never{secrets.token_hex(4)}.")

    found = await patient.findings("topics")

    assert "are missing" in found[0]["subject"]
    assert [one["subject"] for one in await patient.findings("signing keys")] == ["auth.signing-key-changed.v1"]


async def test_a_service_that_has_not_saved_the_keys_is_found(admit: Admit, mint: TokenMint) -> None:
    patient = await admit("wallet")
    await patient.probe.publish(mint.event)

    (found,) = await patient.findings("signing keys")

    assert (found["subject"], found["said"]) == ("wallet", f"has not saved {mint.event.kid}")


@pytest.mark.parametrize(
    ("setting", "value", "area"),
    [
        ("KAFKA_BOOTSTRAP", NOBODY, "kafka"),
        ("POSTGRES_DSN", f"postgresql://daira@{NOBODY}/daira_feed", "postgres"),
        ("REDIS_URL", f"redis://:hush@{NOBODY}/0", "redis"),
        ("S3_ENDPOINT", f"http://{NOBODY}", "s3"),
    ],
)
async def test_what_does_not_answer_is_one_finding_and_the_rest_is_examined(
    admit: Admit, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, area: str
) -> None:
    patient = await admit("feed")
    monkeypatch.setenv(f"DAIRA_FEED_{setting}", value)

    said = await patient.examined()

    (found,) = [one for one in said.json["checks"] if one["area"] == area]
    assert (said.code, found["ok"], "does not answer" in found["said"]) == (Exit.FOUND, False, True)
    assert found["then"]
    assert "hush" not in said.out
    well = {one["area"] for one in said.json["checks"] if one["ok"]}
    assert {"kafka", "postgres", "redis", "s3"} - {area} <= well


async def test_a_clock_that_differs_is_found(admit: Admit) -> None:
    seen = await vitals((await admit("wallet")).database.dsn)
    at = now()

    close, far = (of_database._clock("wallet", seen, moment, moment)[0] for moment in (seen.at, at.replace(year=2000)))

    assert (close.ok, far.ok) == (True, False)


def test_a_disk_without_room_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(others, "FREE_BYTES", 1 << 60)
    monkeypatch.setattr(others, "FREE_SHARE", 2.0)

    (found,) = others.disks({""})

    assert (found.ok, "free of" in found.said) == (False, True)


def test_a_folder_that_is_not_there_is_found() -> None:
    (found,) = others.disks({"/no/such/folder"})

    assert (found.ok, found.subject) == (False, "/no/such/folder")


async def test_the_processes_of_a_local_stack_are_asked_whether_they_are_ready(unused_tcp_port: int) -> None:
    (found,) = await others.processes({"feed": unused_tcp_port})

    assert (found.ok, found.subject, "does not answer" in found.said) == (False, "feed", True)


@pytest.mark.parametrize(
    ("error", "ok", "said"), [(None, True, "ready, answers"), ("gone", False, "ready, without kafka: gone")]
)
async def test_a_process_that_is_ready_without_something_is_found(
    ready_process: ReadyProcess, error: str | None, ok: bool, said: str
) -> None:
    port = await ready_process({"ready": True, "dependencies": [{"name": "kafka", "ok": not error, "error": error}]})

    (found,) = await others.processes({"feed": port})

    assert (found.ok, found.subject) == (ok, "feed")
    assert found.said.startswith(said)


async def test_without_any_address_the_doctor_says_what_to_give_it() -> None:
    said = await say("doctor", "--service", "feed")

    assert (said.code, "[settings_invalid]" in said.err) == (Exit.USAGE, True)
    assert "→ say where" in said.err


async def test_quiet_leaves_out_what_is_well(admit: Admit) -> None:
    patient = await admit("wallet")

    said = await say("doctor", "--service", patient.name, "--quiet")

    assert "ok  " not in said.out
    assert "LOOK signing keys" in said.out
    assert said.out.rstrip().endswith("findings")
