"""Examples are what once was on the wire: today's readers must still understand every one of them."""

from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

from daira_contracts.registry import EVENTS
from daira_contracts.topics import topics

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*/*"))
IDS = [f"{path.parent.name}/{path.stem}" for path in EXAMPLES]

every_example = pytest.mark.parametrize("path", EXAMPLES, ids=IDS)


@every_example
def test_an_example_decodes_with_the_struct_of_today(path: Path) -> None:
    event = msgspec.json.decode(path.read_bytes(), type=EVENTS[path.parent.name])

    assert event.key_text()
    assert "UNKNOWN" not in msgspec.json.encode(event).decode()


@every_example
def test_an_example_obeys_the_committed_schema(path: Path) -> None:
    schema = msgspec.json.decode((ROOT / "schemas" / f"{path.parent.name}.json").read_bytes())
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)

    assert [error.message for error in validator.iter_errors(msgspec.json.decode(path.read_bytes()))] == []


@every_example
def test_an_example_is_named_by_its_case_and_fits_its_topic(path: Path) -> None:
    assert path.suffix == ".json"
    assert path.stem.replace("_", "").isalpha()
    assert path.stat().st_size <= topics()[path.parent.name].max_bytes


def test_every_topic_has_an_example() -> None:
    assert {path.parent.name for path in EXAMPLES} == set(EVENTS)


@pytest.mark.parametrize("topic", EVENTS)
def test_the_committed_schema_is_valid_json_schema(topic: str) -> None:
    Draft202012Validator.check_schema(msgspec.json.decode((ROOT / "schemas" / f"{topic}.json").read_bytes()))
