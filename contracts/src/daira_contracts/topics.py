"""The topic files: what each topic is, who writes it, who reads it and how long it is kept.

`contracts/topics/<topic>.yaml` is written by people; everything else that is known about a topic (Kafka
configuration, dead letter topics, access rules, catalogue) is derived here or by the developers' tools.
"""

import enum
import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from importlib import resources
from typing import Annotated

import msgspec

DEAD_LETTER_RETENTION = "7d"
DEAD_LETTER_PARTITIONS = 1
MILLISECONDS_A_DAY = 86_400_000
RETENTIONS = ("forever", "compact", "1d", "7d", "30d", "90d")
NAME = re.compile(r"^(?P<owner>[a-z]+)\.(?P<fact>[a-z]+(?:-[a-z]+)*)\.v(?P<major>[1-9]\d*)$")
# Producers and the consumers' fetch sizes are set for this; a topic file may ask for less.
LARGEST_RECORD = 1_048_576
CAUSE_BYTES = 16_384
"""Room for the headers that say why, on top of a record among the dead letters."""


class Kind(enum.Enum):
    """What the records of a topic mean, and therefore how long they must live."""

    STATE = "state"
    """The full current state of a key; compacted, so a projection can always be rebuilt."""
    FACT = "fact"
    """Something that happened; append only, kept for its stated time."""
    BROADCAST = "broadcast"
    """Small state that every process reads in full, without a consumer group."""


class Pii(enum.Enum):
    """How near to a person the values are."""

    NONE = "none"
    PSEUDONYMOUS = "pseudonymous"
    """Carries a user's id, nothing that names the person."""
    PERSONAL = "personal"
    """Carries a handle, a name or public text of a person."""


class TopicSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a broker is asked for. The replication factor is the cluster's business, not the contract's."""

    name: str
    partitions: int
    config: dict[str, str]


class Topic(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One topic file. A misspelt key does not decode."""

    topic: str
    description: str
    owner: str
    kind: Kind
    key: tuple[str, ...]
    """Fields of the event (camelCase) that make the record key, joined with a colon."""
    partitions: Annotated[int, msgspec.Meta(ge=1, le=64)]
    """Fixed for life: another count is another version of the topic."""
    retention: str
    """`forever`, `compact` or a number of days such as `90d`; one of `RETENTIONS`."""
    pii: Pii
    erasure: str = ""
    """What happens to a person's records when the person is erased; required unless pii is none."""
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    max_bytes: Annotated[int, msgspec.Meta(ge=1024, le=LARGEST_RECORD)] = 65_536
    sunset: date | None = None
    """The day after which nobody writes it; set when the next version exists."""

    def spec(self, prefix: str = "") -> TopicSpec:
        """The topic as the broker knows it. `prefix` keeps test runs apart."""
        return TopicSpec(
            name=prefix + self.topic,
            partitions=self.partitions,
            config=kafka_config(self.retention, self.max_bytes),
        )

    @property
    def is_forgotten_by_key(self) -> bool:
        """State that names people: its dead letters are compacted too, so that a tombstone removes a person's."""
        return self.kind is Kind.STATE and self.pii is Pii.PERSONAL

    def dead_letters(self, service: str, prefix: str = "") -> TopicSpec:
        """Where `service` puts the records it could not handle: same size limit, seven days."""
        config = kafka_config(DEAD_LETTER_RETENTION, self.max_bytes + CAUSE_BYTES)
        if self.is_forgotten_by_key:
            kept = kafka_config("compact", self.max_bytes) | config
            config = kept | {"cleanup.policy": "compact,delete"}
        return TopicSpec(
            name=prefix + dead_letter_name(self.topic, service), partitions=DEAD_LETTER_PARTITIONS, config=config
        )


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What has to happen on a broker. Nothing is ever deleted."""

    create: tuple[TopicSpec, ...]
    configure: tuple[TopicSpec, ...]
    """Topics whose retention or size differs."""
    refused: tuple[str, ...]
    """Sentences about differences that only a new topic version can mend (the number of partitions)."""


def dead_letter_name(topic: str, service: str) -> str:
    """Derived, never declared. Without a test's prefix."""
    return f"{topic}.dlq.{service}"


def kafka_config(retention: str, max_bytes: int) -> dict[str, str]:
    """Broker settings for a retention of the topic files.

    A compacted topic keeps tombstones for seven days: longer than any consumer may be down before it has to
    rebuild, and short enough that an erased person's key disappears.
    """
    shared = {"max.message.bytes": str(max_bytes), "message.timestamp.type": "CreateTime"}
    if retention == "compact":
        return shared | {
            "cleanup.policy": "compact",
            "retention.ms": "-1",
            "delete.retention.ms": str(7 * MILLISECONDS_A_DAY),
            "max.compaction.lag.ms": str(MILLISECONDS_A_DAY),
        }
    days = -1 if retention == "forever" else int(retention.removesuffix("d")) * MILLISECONDS_A_DAY
    return shared | {"cleanup.policy": "delete", "retention.ms": str(days)}


@cache
def topics() -> Mapping[str, Topic]:
    """Every topic file by topic name.

    Raises `msgspec.ValidationError` when a file has an unknown or missing key, `ValueError` when the file's
    name differs from the topic it declares.
    """
    found: dict[str, Topic] = {}
    for file in sorted(resources.files("daira_contracts").joinpath("declared").iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".yaml"):
            continue
        topic = msgspec.yaml.decode(file.read_bytes(), type=Topic)
        if file.name != f"{topic.topic}.yaml":
            raise ValueError(f"{file.name} declares {topic.topic}")
        found[topic.topic] = topic
    return found


def declared_specs(prefix: str = "", only: Iterable[str] | None = None) -> list[TopicSpec]:
    """Every topic of the files (or those named in `only`) with the dead letter topics of its consumers."""
    wanted = topics() if only is None else {name: topics()[name] for name in only}
    specs: list[TopicSpec] = []
    for topic in wanted.values():
        specs.append(topic.spec(prefix))
        specs.extend(topic.dead_letters(service, prefix) for service in grouped_consumers(topic))
    return specs


def grouped_consumers(topic: Topic) -> tuple[str, ...]:
    """Services that read the topic as a consumer group; a broadcast is read by processes, without one."""
    return () if topic.kind is Kind.BROADCAST else topic.consumers


def hearers(topic: Topic) -> str:
    """Who hears it, for people."""
    return "every process" if topic.kind is Kind.BROADCAST and len(topic.consumers) > 1 else ", ".join(topic.consumers)


def plan(declared: Iterable[TopicSpec], existing: Mapping[str, TopicSpec]) -> Plan:
    """Compares the files with a broker. Settings the files do not state are left alone."""
    create: list[TopicSpec] = []
    configure: list[TopicSpec] = []
    refused: list[str] = []
    for spec in declared:
        held = existing.get(spec.name)
        if held is None:
            create.append(spec)
            continue
        if held.partitions != spec.partitions:
            refused.append(
                f"{spec.name} has {held.partitions} partitions and the file says {spec.partitions}: "
                "the order of a key would break; create the next version of the topic"
            )
        if any(held.config.get(name) != value for name, value in spec.config.items()):
            configure.append(spec)
    return Plan(create=tuple(create), configure=tuple(configure), refused=tuple(refused))
