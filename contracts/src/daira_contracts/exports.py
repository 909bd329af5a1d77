"""What every service tells that holds something of a person: its part of an export is written."""

from typing import ClassVar
from uuid import UUID

from daira_contracts._event import Event


class ExportPartWritten(Event, frozen=True, kw_only=True):
    """A service wrote its part to `exports/<exportId>/<service>.json` in the shared bucket. Never the part itself."""

    key: ClassVar[tuple[str, ...]] = ("user_id",)

    user_id: UUID
    export_id: UUID
    size_bytes: int


def part_key(export_id: UUID, service: str) -> str:
    """Where a service's part lies in the shared bucket: a key that only this service writes and only media reads."""
    return f"exports/{export_id}/{service}.json"
