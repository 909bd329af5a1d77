"""`daira replay run`: a dump through a service's own handlers, on a throw-away database."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from psycopg import AsyncConnection

from daira_bus.log import record_of
from daira_cli.dump.lines import line_of
from daira_cli.exits import Exit
from daira_cli.services import find, names
from daira_contracts._event import Event
from daira_contracts.user import ProfileChangedV1, ProfileState
from daira_devtools.stack import Endpoints
from daira_kit.clock import epoch_ms, now
from daira_kit.ids import new_id
from daira_testing.command import Said, say
from daira_testing.tokens import TokenMint


def profile(user_id: UUID, name: str = "Salma", revision: int = 1) -> ProfileChangedV1:
    return ProfileChangedV1(
        user_id=user_id,
        state=ProfileState.ACTIVE,
        handle=f"h{user_id.hex[:12]}",
        display_name=name,
        created_at=now(),
        revision=revision,
    )


def line(
    event: Event, offset: int, *, partition: int = 0, value: bytes | None = b"", key: bytes | None = None
) -> bytes:
    """As a dump holds it; `value` in place of the event's own."""
    headers = [("ce_id", str(event.event_id).encode()), ("ce_type", event.topic.encode())]
    record = record_of(
        event.topic,
        key or event.key_text().encode(),
        msgspec.json.encode(event) if value == b"" else value,
        headers,
        partition=partition,
        offset=offset,
        timestamp=epoch_ms(now()) + offset,
    )
    return msgspec.json.encode(line_of(event.topic, record)) + b"\n"


def written(file: Path, lines: Iterable[bytes]) -> Path:
    file.write_bytes(b"".join(lines))
    return file


@pytest.fixture
def at(stack: Endpoints, redis_url: str, mint: TokenMint, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The environment of every service, as its processes have it."""
    values = {
        "postgres_dsn": stack.postgres_dsn("postgres"),
        "kafka_bootstrap": stack.kafka_bootstrap,
        "redis_url": stack.redis_url,
        "cql_hosts": stack.cql_hosts,
        "cql_port": str(stack.cql_port),
        "cql_keyspace": "none",
        "s3_endpoint": stack.s3_endpoint,
        "s3_access_key": stack.s3_access_key,
        "s3_secret_key": stack.s3_secret_key,
        "cursor_secret": "of the tests",
        "root_public_key": mint.root_public_key,
        "root_private_key": mint.root_private_key,
        "secret": "0" * 32,
    }
    monkeypatch.setenv("DAIRA_ENV", "dev")
    for service in names():
        for field in msgspec.structs.fields(find(service).settings):
            if field.name in values:
                monkeypatch.setenv(f"DAIRA_{service}_{field.name}".upper(), values[field.name])
    return ["--scratch-redis", redis_url]


async def run(*words: object) -> tuple[Said, list[dict[str, Any]], dict[str, Any]]:
    said = await say("replay", "run", *words, "--json")
    lines_ = [json.loads(text) for text in said.out.splitlines()]
    return said, lines_[:-1], lines_[-1].get("summary", {}) if lines_ else {}


async def databases(stack: Endpoints) -> set[str]:
    async with await AsyncConnection.connect(stack.postgres_dsn("postgres")) as connection:
        rows = await (await connection.execute("SELECT datname FROM pg_database")).fetchall()
        return {row[0] for row in rows if "_replay_" in row[0]}


async def test_each_record_says_what_became_of_it_and_what_it_changed(
    at: list[str], tmp_path: Path, stack: Endpoints
) -> None:
    person, event = new_id(), profile(new_id())
    file = written(
        tmp_path / "bug.jsonl",
        [
            line(profile(person), 0),
            line(event, 1),
            line(event, 2),
            line(profile(person, "Salma H.", 2), 3),
            line(event, 4, value=b"{nonsense"),
            line(event, 5, value=None),
        ],
    )
    before = await databases(stack)

    said, outcomes, summary = await run(file, "--service", "feed", *at)

    assert [one["verdict"] for one in outcomes] == ["accepted", "accepted", "duplicate", "accepted", "dlq", "accepted"]
    assert said.code == Exit.FOUND
    assert outcomes[0]["changes"][0]["table"] == "profile"
    (renamed,) = [one for one in outcomes[3]["changes"] if one["table"] == "profile"]
    assert (renamed["old"]["display_name"], renamed["new"]["display_name"]) == ("Salma", "Salma H.")
    assert outcomes[4]["failure"]["code"] == "not_decodable"
    assert summary["verdicts"] == {"accepted": 4, "duplicate": 1, "dlq": 1}
    assert await databases(stack) <= before
    assert [path.name for path in tmp_path.iterdir()] == ["bug.jsonl"]
