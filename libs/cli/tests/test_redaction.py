"""Nothing of a person is left in a redacted line, whatever the record was; both ways through the rules agree."""

import re
import traceback
from collections.abc import Iterator
from typing import Any, NoReturn
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from daira_bus.dlq import CAUSES, ERROR, ERROR_CODE, HANDLER, STACK, STACK_CHARACTERS
from daira_bus.errors import NotDecodable, Poison
from daira_bus.handling import decode
from daira_bus.letters import SETTLED_WHY
from daira_bus.log import Record, record_of
from daira_cli.dlq.hiding import error_shown, stack_shown
from daira_cli.dump.causes import PLAIN
from daira_cli.dump.lines import line_of
from daira_cli.dump.pseudonyms import Pseudonyms
from daira_cli.dump.redaction import ERRORS, KEPT_HEADERS, Redactor
from daira_contracts.registry import EVENTS
from daira_contracts.topics import Pii, topics
from daira_kit.ids import id_time, new_id
from daira_stores.work import CAUSE

ABOUT_PEOPLE = sorted(topic for topic, event in EVENTS.items() if topics()[topic].pii is not Pii.NONE)
UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TECHNICAL = re.compile(r"^locale$|(?:Url|Code|Type|At)$")
WORD = re.compile(r"[^\W_]+")
# Long enough that no pseudonym, code or number is the same by chance.
WORDS = st.text("abcdefghijklmnopqrstuvwxyzمرحباسلوى", min_size=9, max_size=20).filter(
    lambda w: w.lower() != "volatile"
)
TEXTS = st.lists(WORDS | st.sampled_from(["", "\n", "😀", "@", '"\\']), max_size=4).map(" ".join)
IDS = st.uuids().map(str) | st.builds(lambda: str(new_id()))
"""Random, and by time."""


def values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """JSON documents as the contract has them."""
    match kind:
        case inspect.UUIDType():
            return IDS
        case inspect.StrType():
            return TEXTS | st.builds("{} {}".format, TEXTS, IDS)
        case inspect.EnumType():
            return st.sampled_from([member.value for member in kind.cls])
        case inspect.DateTimeType():
            return st.sampled_from(["2026-11-22T23:52:48.652521Z", "2026-11-22T23:52:48Z"])
        case inspect.IntType():
            return st.integers(0, 99)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.UnionType():
            return st.one_of([values(one) for one in kind.types])
        case inspect.Metadata():
            return values(kind.type)
        case inspect.VarTupleType():
            return st.lists(values(kind.item_type), max_size=3)
        case inspect.StructType():
            return st.fixed_dictionaries({one.encode_name: values(one.type) for one in kind.fields})
    raise AssertionError(kind)


def distorted(document: Any) -> st.SearchStrategy[Any]:
    """The same with a field that holds, or is, what nobody declared."""
    poison = TEXTS | IDS | st.integers(10**8, 10**12) | st.dictionaries(WORDS, TEXTS, max_size=2) | st.none()
    names = st.sampled_from(sorted(document)) | WORDS
    return st.tuples(names, poison).map(lambda field: {**document, field[0]: field[1]})


@st.composite
def records(draw: st.DrawFn, topic_names: list[str], *, is_odd: bool) -> tuple[str, dict[str, Any], Record]:
    topic = draw(st.sampled_from(topic_names))
    document = draw(values(inspect.type_info(EVENTS[topic])))
    if is_odd:
        document = draw(distorted(document))
    key = draw(st.lists(IDS | WORDS, min_size=1, max_size=2).map(":".join))
    headers = [("ce_type", topic.encode()), ("note", draw(TEXTS).encode())]
    return topic, document, record_of(topic, key.encode(), msgspec.json.encode(document), headers, timestamp=1)


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield key, key
            yield from leaves(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one, name)
    else:
        yield name, value


def people(document: dict[str, Any], record: Record, topic: str) -> set[str]:
    """What must not be seen: ids, and in personal topics words and long numbers."""
    kept = str(document.get("eventId"))
    texts = [str(value) for _, value in leaves(document)] + [(record.key or b"").decode()]
    texts += [(value or b"").decode() for name, value in record.headers if name == "note"]
    found = {word for text in texts for word in UUIDS.findall(text)}
    if topics()[topic].pii is Pii.PERSONAL:
        found |= {word for name, value in leaves(document) for word in words(name, value, topic)}
        # What a technical field happens to share with a person's word may be seen.
        found -= {
            word for name, value in leaves(document) if TECHNICAL.search(name) for word in WORD.findall(str(value))
        }
    return {word for word in found - {kept} if word not in topic}


def words(name: str, value: Any, topic: str) -> list[str]:
    """Of what is not technical and not a code."""
    declared = set(declared_names(inspect.type_info(EVENTS[topic])))
    if isinstance(value, int) and name in declared:
        return []
    if name in declared and (value == name or TECHNICAL.search(name)):
        return []
    text = UUIDS.sub(" ", str(value))
    return [word for word in WORD.findall(text) if len(word) > 8 and not word.isupper()]


def declared_names(kind: inspect.Type) -> Iterator[str]:
    if isinstance(kind, inspect.StructType):
        for one in kind.fields:
            yield one.encode_name
            yield from declared_names(one.type)
    elif isinstance(kind, inspect.VarTupleType):
        yield from declared_names(kind.item_type)


def shown(topic: str, record: Record) -> str:
    (line,) = Redactor(Pseudonyms(b"salt")).lines(topic, 0, [record])
    return msgspec.json.encode(msgspec.json.decode(msgspec.json.encode(line))).decode()


def fail(text: str, before: str) -> NoReturn:
    raise Poison(text) from LookupError(before)


def raised(text: str, before: str) -> str:
    """A traceback as a burial keeps it."""
    try:
        fail(text, before)
    except Poison as error:
        return "".join(traceback.format_exception(error))[-STACK_CHARACTERS:]


@st.composite
def dead(draw: st.DrawFn) -> tuple[str, Record, set[str]]:
    """A record of a dead letter topic, with what its cause quotes and would not say by itself."""
    topic, _, record = draw(records(ABOUT_PEOPLE, is_odd=False))
    quoted = draw(st.lists(TEXTS | IDS | st.integers(10**8, 10**12).map(str), min_size=2, max_size=2))
    forms = ("{}", "key {!r} is not {!r}", "no person '{}' with {}", "Expected `int`, got `{}` - at `$.userId`\n{}: {}")
    text = draw(st.sampled_from(forms)).format(*quoted, quoted[0])
    stack = raised(text, quoted[1])
    cut = draw(st.integers(0, len(stack)))
    told = {ERROR: text, STACK: stack[cut:], SETTLED_WHY: text, "daira-new-kind": text, HANDLER: "remember_video"}
    headers = [*record.headers, *((name, value.encode(errors="replace")) for name, value in told.items())]
    letter = record_of(f"{topic}.dlq.feed", record.key, record.value, headers, timestamp=1)
    found = {word for one in quoted for word in (*UUIDS.findall(one), *WORD.findall(one)) if len(word) > 8}
    anyway = topic + raised("", "")
    return topic, letter, {word for word in found - PLAIN if word not in anyway}


@settings(max_examples=100, deadline=None)
@given(dead())
def test_no_dead_letter_says_in_its_cause_whom_it_was_about(letter: tuple[str, Record, set[str]]) -> None:
    topic, record, secrets = letter

    line = shown(f"{topic}.dlq.feed", record)

    # In the value a technical field may hold the same word, and keeps it.
    _, headers = line.split('"headers":', 1)
    assert [secret for secret in secrets if secret in headers] == []
    assert '["daira-handler","remember_video"]' in headers


@settings(max_examples=60, deadline=None)
@given(dead())
def test_an_operator_sees_no_persons_word_in_a_cause(letter: tuple[str, Record, set[str]]) -> None:
    _, record, secrets = letter
    headers = {name: (value or b"").decode() for name, value in record.headers}

    text = error_shown(headers[ERROR]) + stack_shown(headers[STACK])

    assert [word for word in secrets if not UUIDS.fullmatch(word) and word in UUIDS.sub(" ", text)] == []


def test_a_pseudonym_is_not_undone_by_the_error_beside_it() -> None:
    person, handle = str(new_id()), "salma_92"
    event = f'{{"userId":"{person}","handle":"{handle}","eventId":"{new_id()}"}}'.encode()
    try:
        decode(record_of("user.profile-changed.v1", handle.encode(), event, []), EVENTS["user.settings-changed.v1"])
    except NotDecodable as error:
        cause = str(error)
    assert (person in cause, handle in cause) == (True, True)
    record = record_of("", person.encode(), event, [(ERROR, cause.encode()), (STACK, cause.encode())])

    line = shown("user.settings-changed.v1.dlq.feed", record)

    assert not [secret for secret in (person, handle, "salma") if secret in line]
    assert line.count(Pseudonyms(b"salt").ids[person]) == 4  # key, value, error and stack still join


def test_a_cause_stays_useful_to_an_engineer() -> None:
    violated = 'new row for relation "video" violates check constraint "video_is_portrait"'
    stack = raised(f"{violated}\nDETAIL: left out", "salma_92")

    lines = stack_shown(stack).splitlines()

    assert [line for line in stack.splitlines() if line.startswith("  ")] == [one for one in lines if one[:2] == "  "]
    assert f"daira_bus.errors.Poison: {violated}" in lines
    assert "LookupError: •••••_••" in lines
    assert "The above exception was the direct cause of the following exception:" in lines
    unknown = "Object missing required field `userId` - at `$.items[...]`"
    assert error_shown(unknown) == unknown.replace("items", "•••••")


def test_every_header_of_a_cause_is_kept_or_hidden_on_purpose() -> None:
    known = KEPT_HEADERS | ERRORS | {STACK}
    assert known >= CAUSES
    assert {ERROR_CODE, CAUSE} <= KEPT_HEADERS


@settings(max_examples=100, deadline=None)
@given(records(ABOUT_PEOPLE, is_odd=False) | records(ABOUT_PEOPLE, is_odd=True))
def test_no_value_of_a_person_is_in_the_line(given_record: tuple[str, dict[str, Any], Record]) -> None:
    topic, document, record = given_record

    line = shown(topic, record)

    for secret in people(document, record, topic):
        assert secret not in line, (secret, topic)


@settings(max_examples=60, deadline=None)
@given(records(ABOUT_PEOPLE, is_odd=False))
def test_the_quick_way_writes_what_the_long_way_writes(given_record: tuple[str, dict[str, Any], Record]) -> None:
    topic, _, record = given_record
    redactor = Redactor(Pseudonyms(b"salt"))

    (quick,) = redactor.lines(topic, 0, [record])

    long = redactor.hide(line_of(topic, 0, record))
    value: Any = quick.value
    assert type(value) is not msgspec.Raw, topic
    assert msgspec.json.decode(msgspec.json.encode(quick)) == msgspec.json.decode(msgspec.json.encode(long))


@given(st.lists(st.uuids(), min_size=1, max_size=50))
def test_ids_made_in_one_go_are_those_made_one_by_one(given_ids: list[UUID]) -> None:
    texts = [*map(str, given_ids), *(str(one).upper() for one in given_ids), str(new_id())]
    together, alone = Pseudonyms(b"salt"), Pseudonyms(b"salt")

    together.prepare(texts)

    assert [dict(together.ids)[text] for text in texts] == [alone.ids[text] for text in texts]
    assert all(UUID(together.ids[text]).version == UUID(text).version for text in texts)


def test_an_id_keeps_its_time_and_nothing_else_of_itself() -> None:
    ids = [new_id() for _ in range(100)]
    names = Pseudonyms(b"salt")
    other = Pseudonyms(b"another")

    made = [UUID(names.ids[str(one)]) for one in ids]

    assert [id_time(one) for one in made] == [id_time(one) for one in ids]
    assert len({one.bytes[9:] for one in (*ids, *made)}) == 200
    assert all(other.ids[str(one)] != str(new) for one, new in zip(ids, made, strict=True))


@pytest.mark.parametrize(
    "text", ["", "salma", "01a205ad-3b0c-70b0-9eaf-3bcb1b95ce7", "01a205ad-3b0c-70b0-9eaf-3bcb1b95c  7", "a" * 36]
)
def test_what_is_no_id_gets_no_pseudonym_and_spoils_no_batch(text: str) -> None:
    names = Pseudonyms(b"salt")

    names.prepare([text, str(new_id())])

    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        names.ids[text]
