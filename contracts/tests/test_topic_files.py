"""The topic files police themselves: nothing misspelt, nothing unowned, nothing orphaned."""

import re
from pathlib import Path

import msgspec
import pytest

from daira_contracts.registry import EVENTS
from daira_contracts.topics import NAME, RETENTIONS, Kind, Pii, Topic, topics

SERVICES = {"auth", "user", "feed", "media", "interaction", "notification", "moderation", "wallet", "payments"}
SERVICES |= {"admin", "video"}
ROOT = Path(__file__).parents[1]
TOPICS = sorted(topics().values(), key=lambda topic: topic.topic)
NAMES = [topic.topic for topic in TOPICS]
PERSON = re.compile(r"^(user|owner|author|actor|target|follower|member|reader)_id$")
TEXT_OF_A_PERSON = frozenset({"handle", "display_name", "bio", "text", "title", "note"})
NEVER_IN_A_TOPIC = frozenset(
    {"phone", "phone_number", "msisdn", "otp", "code_value", "email", "address", "ip", "query"}
)

every_topic = pytest.mark.parametrize("topic", TOPICS, ids=NAMES)


def test_every_event_has_a_topic_file_and_every_topic_file_an_event() -> None:
    assert set(NAMES) == set(EVENTS)


def test_nothing_lies_in_the_folders_that_no_topic_owns() -> None:
    schemas = {path.name.removesuffix(".json") for path in (ROOT / "schemas").iterdir()}
    examples = {path.name for path in (ROOT / "examples").iterdir()}
    files = {path.name.removesuffix(".yaml") for path in (ROOT / "topics").iterdir()}

    assert schemas == examples == files == set(NAMES)


@every_topic
def test_the_name_says_owner_and_version(topic: Topic) -> None:
    match = NAME.match(topic.topic)

    assert match
    assert match["owner"] == topic.owner
    assert EVENTS[topic.topic].__name__.endswith(f"V{match['major']}")
    assert EVENTS[topic.topic].__module__ == f"daira_contracts.{topic.owner}"


@every_topic
def test_owner_producers_and_consumers_are_services(topic: Topic) -> None:
    assert {topic.owner, *topic.producers, *topic.consumers} <= SERVICES
    assert topic.producers == (topic.owner,)
    assert topic.consumers
    assert len(set(topic.consumers)) == len(topic.consumers)


@every_topic
def test_the_key_is_that_of_the_event(topic: Topic) -> None:
    event = EVENTS[topic.topic]
    on_the_wire = {field.name: field.encode_name for field in msgspec.structs.fields(event)}

    assert topic.key == tuple(on_the_wire[name] for name in event.key)


@every_topic
def test_the_description_is_a_sentence(topic: Topic) -> None:
    assert topic.description.endswith(".")
    assert len(topic.description) > 20


@every_topic
def test_records_are_kept_as_their_kind_demands(topic: Topic) -> None:
    allowed = {
        Kind.STATE: {"compact", "forever"},
        Kind.FACT: set(RETENTIONS) - {"compact"},
        Kind.BROADCAST: {"compact", "1d", "7d"},
    }

    assert topic.retention in allowed[topic.kind]


@every_topic
def test_a_broadcast_has_one_partition_so_that_it_is_read_in_order(topic: Topic) -> None:
    assert topic.kind is not Kind.BROADCAST or topic.partitions == 1


@every_topic
def test_what_is_about_a_person_says_how_it_is_erased(topic: Topic) -> None:
    names = {field.name for field in msgspec.structs.fields(EVENTS[topic.topic])}
    about_a_person = any(PERSON.match(name) for name in names)
    of_a_person = about_a_person and bool(names & TEXT_OF_A_PERSON)

    assert not (about_a_person and topic.pii is Pii.NONE)
    assert not of_a_person or topic.pii is Pii.PERSONAL
    assert topic.pii is Pii.NONE or topic.erasure.endswith(".")


@every_topic
def test_phone_numbers_codes_and_searches_never_enter_a_topic(topic: Topic) -> None:
    names = {field.name for field in msgspec.structs.fields(EVENTS[topic.topic])}

    assert not names & NEVER_IN_A_TOPIC


def test_a_misspelt_key_does_not_decode() -> None:
    text = (ROOT / "topics" / f"{NAMES[0]}.yaml").read_bytes() + b"retension: 7d\n"

    with pytest.raises(msgspec.ValidationError, match="retension"):
        msgspec.yaml.decode(text, type=Topic)
