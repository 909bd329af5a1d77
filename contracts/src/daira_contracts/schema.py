"""JSON Schema 2020-12 of every event, as it looks on the wire."""

from typing import Any

import msgspec

from daira_contracts._event import Event
from daira_contracts.registry import EVENTS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# The structs fill these in when an event is made; on the wire they are always there.
ENVELOPE = ("eventId", "occurredAt", "revision")

Schema = dict[str, Any]


def event_schema(event: type[Event]) -> Schema:
    """The schema of one event. Self-contained: nested structs and enums lie in `$defs`."""
    (root,), definitions = msgspec.json.schema_components([event], ref_template="#/$defs/{name}")
    body = dict(definitions.pop(root["$ref"].removeprefix("#/$defs/")))
    body["required"] = sorted({*body.get("required", ()), *ENVELOPE}, key=list(body["properties"]).index)
    schema: Schema = {"$schema": DIALECT, "$id": f"{event.topic}.json", **body}
    if definitions:
        schema["$defs"] = dict(sorted(definitions.items()))
    # Defaults are Python values until here; a schema out of git has only those of JSON.
    return msgspec.json.decode(msgspec.json.encode(schema), type=Schema)


def all_schemas() -> dict[str, Schema]:
    return {topic: event_schema(event) for topic, event in sorted(EVENTS.items())}


def pretty(schema: Schema) -> str:
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def type_text(field: Schema, schema: Schema) -> str:
    """`integer`, `uuid`, `PUBLIC, FOLLOWERS, UNKNOWN`, `list of uuid` …"""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return type_text(schema["$defs"][name] | {"title": name}, schema)
    if "enum" in field:
        return ", ".join(map(str, field["enum"]))
    if "anyOf" in field:
        return " or ".join(type_text(option, schema) for option in field["anyOf"])
    if field.get("type") == "array":
        return f"list of {type_text(field['items'], schema)}"
    if field.get("type") == "object":
        return str(field.get("title", "object"))
    return str(field.get("format", field.get("type", "any")))
