"""What a dump is: how it was taken, what it holds, and the sum by which a truncated or edited file is noticed."""

from datetime import datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from daira_cli.errors import Usage
from daira_contracts.registry import EVENTS
from daira_contracts.topics import topics

FORMAT = "daira-dump/1"


class Filters(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Which records were wanted."""

    since: datetime | None = None
    until: datetime | None = None
    from_offset: int | None = None
    keys: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


class Slice(msgspec.Struct, kw_only=True, rename="camel"):
    """One partition: offsets `start` to `end` (exclusive) were read, `records` of them are in the file."""

    topic: str
    partition: int
    start: int
    end: int
    records: int = 0
    backwards: int = 0
    """Records stamped earlier than one before them: producers' clocks differ, or somebody wrote by hand."""
    newest: int = 0
    """Milliseconds since 1970."""


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """The contract that was in force where the dump was taken; `schema` is the SHA-256 of its JSON schema."""

    version: str
    schema: str
    pii: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`<dump>.manifest.json`."""

    format: str
    created_at: datetime
    sha256: str
    bytes: int
    records: int
    redacted: bool
    reason: str = ""
    """Why people's data were left in."""
    filters: Filters
    partitions: tuple[Slice, ...]
    contracts: dict[str, Contract]


def manifest_path(file: Path) -> Path:
    """Beside the dump."""
    return file.with_name(file.name + ".manifest.json")


def read_manifest(file: Path) -> Manifest | None:
    """The manifest of a dump; None when there is none. Raises Usage when it is none of ours."""
    path = manifest_path(file)
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except msgspec.DecodeError as error:
        raise Usage(
            f"{path} is no manifest: {error}",
            then="take the dump again, or delete the manifest to use the file unverified",
            code="manifest_invalid",
        ) from error


def contract_of(topic: str) -> Contract | None:
    """Today's contract of a topic, also of its dead letters; None for a topic without one."""
    name, _, _ = topic.partition(".dlq.")
    event = EVENTS.get(name)
    if event is None:
        return None
    schema = msgspec.json.encode(msgspec.json.schema(event), order="sorted")
    return Contract(version=name.rpartition(".")[2], schema=sha256(schema).hexdigest(), pii=topics()[name].pii.value)
