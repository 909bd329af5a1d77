"""People's data do not leave with a dump: what the contract says is near to a person becomes a pseudonym.

Ids become other ids and words other words of the same shape, each always the same within one salt, so that keys still
join, mentions still match and lengths still count. Event ids, times, numbers and codes stay: they name nobody.
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property, lru_cache
from typing import Any

import msgspec
from msgspec import inspect

from daira_bus import dlq, letters
from daira_bus.log import LogRecord
from daira_cli.dump.causes import Causes
from daira_cli.dump.lines import Line, line_of
from daira_cli.dump.pseudonyms import CACHED, UUID, UUID_LENGTH, Pseudonyms
from daira_cli.dump.shapes import Shape
from daira_contracts.registry import EVENTS
from daira_contracts.topics import Pii, topics

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?")
CODE = re.compile(r"[A-Z][A-Z0-9_]*")
WORD = re.compile(r"[^\W_]+")
DEAD_LETTER = ".dlq."
KEPT_NAMES = frozenset({"eventId"})
CAUSE = "daira-cause"
"""As daira_stores.work has it, whose drivers a dump needs not."""
KEPT_HEADERS = frozenset(
    {
        *("ce_id", "ce_type", "ce_source", "ce_time", "traceparent", "tracestate", CAUSE),
        *(dlq.ORIGINAL_TOPIC, dlq.ORIGINAL_PARTITION, dlq.ORIGINAL_OFFSET, dlq.HANDLER, dlq.ERROR_CODE),
        *(dlq.TRIES, dlq.DEAD_AT, dlq.REDRIVES, dlq.REDRIVEN_FROM, dlq.VALUE_LEFT_OUT),
        *(letters.SETTLED, letters.SETTLED_HOW, letters.SETTLED_BY, letters.SETTLED_AT),
    }
)
"""Any other header may quote the record, whatever its name begins with."""
ERRORS = frozenset({dlq.ERROR, letters.SETTLED_WHY})
TECHNICAL = re.compile(r"^locale$|(?:Url|Code|Type)$")
"""Text fields of personal topics that name nobody once the ids in them are replaced."""


class Redactor:
    """Hides by the class of each topic's contract; a topic without a contract is treated as personal."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        """The same pseudonyms are used throughout."""
        self._pseudonyms = pseudonyms
        self._word, self._id = pseudonyms.word, pseudonyms.ids.__getitem__
        self._causes = Causes(pseudonyms, declared_names())
        self._rules = cache(_rules)
        self._shape = cache(self._new_shape)
        self._part = lru_cache(CACHED)(self._code)
        self._note = lru_cache(CACHED)(self._header)

    def lines(self, topic: str, partition: int, records: Sequence[LogRecord]) -> list[Line]:
        """The lines of these records without their people."""
        shape = self._shape(topic)
        if shape is None:
            return [self.hide(line_of(topic, partition, record)) for record in records]
        values = shape.hidden(records)
        return [
            self._line(topic, partition, record, value) or self.hide(line_of(topic, partition, record))
            for record, value in zip(records, values, strict=True)
        ]

    def _line(self, topic: str, partition: int, record: LogRecord, value: Any) -> Line | None:
        """The line of a record whose value is hidden already; None for one that goes the long way."""
        key = record.key
        if value is None or key is None:
            return None
        try:
            return Line(
                topic=topic,
                partition=partition,
                offset=record.offset,
                timestamp=record.timestamp,
                key=self._key(key.decode()),
                value=value,  # any value is encoded as well as a raw one
                headers=tuple(
                    [
                        (name, text.decode()) if name in KEPT_HEADERS else self._note(name, text.decode())  # type: ignore[union-attr]
                        for name, text in record.headers  # one without a value raises, and goes the long way
                    ]
                ),
            )
        except (UnicodeDecodeError, AttributeError):
            return None

    def _new_shape(self, topic: str) -> Shape | None:
        rules = self._rules(topic)
        event = EVENTS.get(topic.partition(DEAD_LETTER)[0])
        if rules is None or event is None:
            return None
        try:
            return Shape(event, KEPT_NAMES, self._pseudonyms, lambda text, name: self._string(text, name, rules))
        except TypeError:
            return None

    def hide(self, line: Line) -> Line:
        """The same record without its people."""
        rules = self._rules(line.topic)
        if rules is None:
            return line
        value = bytes(line.value)
        return msgspec.structs.replace(
            line,
            key=None if line.key is None else self._key(line.key),
            key_base64=_masked(line.key_base64),
            value=msgspec.Raw(self._document(value, rules)) if value else line.value,
            value_base64=_masked(line.value_base64),
            headers=tuple(self._header(*header) for header in line.headers),
        )

    def _document(self, value: bytes, rules: "_Rules") -> bytes:
        return msgspec.json.encode(self._walk(msgspec.json.decode(value), "", rules))

    def _walk(self, value: Any, name: str, rules: "_Rules") -> Any:
        if isinstance(value, dict):
            return {
                key if key in rules.names else self._words(key): self._walk(one, key, rules)
                for key, one in value.items()
            }
        if isinstance(value, list):
            return [self._walk(one, name, rules) for one in value]
        if isinstance(value, str):
            return self._string(value, name, rules)
        if value is None or isinstance(value, bool) or name in rules.names:
            return value
        return 0  # a number nobody declared may be a phone's

    def _string(self, value: str, name: str, rules: "_Rules") -> str:
        if name in KEPT_NAMES and UUID.fullmatch(value):
            return value
        if name in rules.plain:
            return value if len(value) < UUID_LENGTH else UUID.sub(lambda found: self._id(found[0]), value)
        if name in rules.coded:
            return self._code(value)
        return self._words(value)

    def _code(self, value: str) -> str:
        if UUID.fullmatch(value):
            return self._id(value)
        return value if MOMENT.fullmatch(value) or CODE.fullmatch(value) else self._words(value)

    def _key(self, key: str) -> str:
        parts = key.split(":")
        try:
            return ":".join(map(self._id, parts))  # nearly every key is made of ids
        except ValueError:
            return ":".join(map(self._part, parts))

    def _header(self, name: str | None, *rest: str | None) -> tuple[str | None, ...]:
        if name in KEPT_HEADERS:
            return (name, *rest)
        if len(rest) > 1:
            return (name, None, _masked(rest[1]))
        hide = self._causes.stack if name == dlq.STACK else self._causes.message if name in ERRORS else self._words
        return (name, *(None if text is None else hide(text) for text in rest))

    def _words(self, text: str) -> str:
        return "".join(
            self._id(piece) if UUID.fullmatch(piece) else WORD.sub(lambda found: self._word(found[0]), piece)
            for piece in _around_ids(text)
        )


class _Rules:
    """What is known about the fields of one topic, by their names on the wire."""

    def __init__(self, pii: Pii, fields: Mapping[str, bool]) -> None:
        self.pii, self._fields = pii, fields

    @cached_property
    def names(self) -> frozenset[str]:
        """Declared; any other name may itself be a person's word."""
        return frozenset(self._fields)

    @cached_property
    def plain(self) -> frozenset[str]:
        """Text in which only ids are replaced."""
        texts = (name for name, is_text in self._fields.items() if is_text)
        return frozenset(name for name in texts if self.pii is Pii.PSEUDONYMOUS or TECHNICAL.search(name))

    @cached_property
    def coded(self) -> frozenset[str]:
        """Ids, moments and members of enums."""
        return frozenset(name for name, is_text in self._fields.items() if not is_text)


@cache
def declared_names() -> frozenset[str]:
    """Every field of every contract, as it is named on the wire."""
    return frozenset(name for event in EVENTS.values() for name, _ in _fields(inspect.type_info(event)))


def hidden_in(topic: str) -> str:
    """What is hidden in a topic, for whoever asks before."""
    rules = _rules(topic)
    if rules is None:
        return "nothing: its contract names nobody"
    why = f"{rules.pii.value} by its contract" if rules.names else "no contract knows it"
    return f"ids{'' if rules.pii is Pii.PSEUDONYMOUS else ' and words'}: {why}"


def _rules(topic: str) -> _Rules | None:
    name, _, _ = topic.partition(DEAD_LETTER)
    declared = topics().get(name)
    if declared is None:
        return _Rules(Pii.PERSONAL, {})
    if declared.pii is Pii.NONE:
        return None
    return _Rules(declared.pii, dict(_fields(inspect.type_info(EVENTS[name]))))


def _fields(kind: inspect.Type) -> Iterator[tuple[str, bool]]:
    """(name on the wire, whether it is free text) of an event and everything nested in it."""
    if isinstance(kind, inspect.StructType):
        for field in kind.fields:
            yield field.encode_name, any(isinstance(one, inspect.StrType) for one in _leaves(field.type))
            for nested in _leaves(field.type):
                yield from _fields(nested)


def _leaves(kind: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.UnionType):
        for one in kind.types:
            yield from _leaves(one)
    elif isinstance(kind, inspect.CollectionType):
        yield from _leaves(kind.item_type)
    elif isinstance(kind, inspect.Metadata):
        yield from _leaves(kind.type)
    else:
        yield kind


def _around_ids(text: str) -> Iterator[str]:
    start = 0
    for found in UUID.finditer(text):
        yield text[start : found.start()]
        yield found[0]
        start = found.end()
    yield text[start:]


def _masked(encoded: str | None) -> str | None:
    """Bytes that nobody can read are replaced by as many question marks."""
    if encoded is None:
        return None
    size = len(encoded) // 4 * 3 - encoded.count("=")
    return b64encode(b"?" * size).decode()
