"""Dumps made by hand, and the environment in which a service's own settings are found."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from daira_bus.log import record_of
from daira_cli.dump.lines import line_of
from daira_cli.services import find, names
from daira_contracts._event import Event
from daira_devtools.stack import Endpoints
from daira_kit.clock import epoch_ms
from daira_testing.tokens import TokenMint

OWN = b"own"


def dump_line(
    event: Event, offset: int, *, partition: int = 0, value: bytes | None = OWN, key: bytes | None = None
) -> bytes:
    """`event` as a dump holds it; `value` and `key` in place of its own, None for a tombstone."""
    headers = [("ce_id", str(event.event_id).encode()), ("ce_type", event.topic.encode())]
    record = record_of(
        event.topic,
        event.key_text().encode() if key is None else key,
        msgspec.json.encode(event) if value is OWN else value,
        headers,
        partition=partition,
        offset=offset,
        timestamp=epoch_ms(event.occurred_at),
    )
    return msgspec.json.encode(line_of(event.topic, partition, record)) + b"\n"


def write_dump(file: Path, lines: Iterable[bytes]) -> Path:
    """A dump without a manifest."""
    file.write_bytes(b"".join(lines))
    return file


def service_environment(stack: Endpoints, mint: TokenMint) -> dict[str, str]:
    """What all services find in their environment; the PostgreSQL database is the server's own, which is nobody's."""
    values = {
        "postgres_dsn": stack.postgres_dsn("postgres"),
        "kafka_bootstrap": stack.kafka_bootstrap,
        "redis_url": stack.redis_url,
        "cql_hosts": stack.cql_hosts,
        "cql_port": str(stack.cql_port),
        "cql_keyspace": "nobodys",
        "s3_endpoint": stack.s3_endpoint,
        "s3_access_key": stack.s3_access_key,
        "s3_secret_key": stack.s3_secret_key,
        "cursor_secret": "of the tests",
        "root_public_key": mint.root_public_key,
        "root_private_key": mint.root_private_key,
        "secret": "0" * 32,
    }
    fields = {service: {one.name for one in msgspec.structs.fields(find(service).settings)} for service in names()}
    return {"DAIRA_ENV": "dev"} | {
        f"DAIRA_{service}_{name}".upper(): value
        for service, known in fields.items()
        for name, value in values.items()
        if name in known
    }
