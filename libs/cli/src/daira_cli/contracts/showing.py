"""One topic as a person asks for it."""

from collections.abc import Mapping
from datetime import date

import msgspec

from daira_cli.contracts.reading import examples
from daira_contracts.registry import EVENTS
from daira_contracts.schema import Schema, event_schema, type_text
from daira_contracts.topics import NAME, Topic, kafka_config, topics
from daira_contracts.upcasting import path_between


class Field(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A field of the value. `always` is false for one that came later: older records lack it and mean its default."""

    name: str
    type: str
    always: bool
    default: object = None


class Compatible(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which records today's code reads, and whose readers understand what it writes."""

    version: int
    versions: tuple[int, ...]
    """All versions of the topic that exist."""
    upcast: tuple[int, ...]
    """Older versions whose records can be turned into this one."""
    may_lack: tuple[str, ...]
    """Fields that records of this version may lack, because they came later."""
    sunset: date | None

    def __str__(self) -> str:
        late = f"; older ones may lack {', '.join(self.may_lack)}" if self.may_lack else ""
        others = [f"v{one}" for one in self.versions if one != self.version]
        beside = f"; beside it: {', '.join(others)}" if others else ""
        beside += f"; old records turned into it: {', '.join(f'v{one}' for one in self.upcast)}" if self.upcast else ""
        end = f"; nobody writes it after {self.sunset}" if self.sunset else ""
        return f"every record of v{self.version}, whenever written{late}{beside}{end}"


class Shown(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Everything that is known of a topic without a broker."""

    topic: Topic
    version: int
    compatible: Compatible
    fields: tuple[Field, ...]
    broker: Mapping[str, str]
    schema: Schema
    examples: Mapping[str, object]


def version_of(topic: str) -> int:
    """3 for `feed.post-changed.v3`."""
    found = NAME.match(topic)
    return int(found["major"]) if found else 0


def shown(topic: Topic) -> Shown:
    """All of it."""
    schema = event_schema(EVENTS[topic.topic])
    fields = tuple(_fields(schema))
    return Shown(
        topic=topic,
        version=version_of(topic.topic),
        compatible=_compatible(topic, fields),
        fields=fields,
        broker=kafka_config(topic.retention, topic.max_bytes),
        schema=schema,
        examples={_case(name): msgspec.json.decode(text) for name, text in examples(topic.topic).items()},
    )


def _case(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".json")


def _fields(schema: Schema) -> list[Field]:
    required = set(schema["required"])
    return [
        Field(name=name, type=type_text(node, schema), always=name in required, default=node.get("default"))
        for name, node in schema["properties"].items()
    ]


def _compatible(topic: Topic, fields: tuple[Field, ...]) -> Compatible:
    stem, version = topic.topic.rpartition(".v")[0], version_of(topic.topic)
    return Compatible(
        version=version,
        versions=tuple(sorted(version_of(name) for name in topics() if name.rpartition(".v")[0] == stem)),
        upcast=tuple(old for old in range(1, version) if path_between(f"{stem}.v{old}", topic.topic) is not None),
        may_lack=tuple(field.name for field in fields if not field.always),
        sunset=topic.sunset,
    )
