"""Dead letters as an operator sees them: which are open, why they died, and what became of the others.

What became of a letter is kept in its own topic, as a record without a value that names it: whoever can read the
letters knows which are open, without a database, and the mark lives exactly as long as what it is about.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from daira_bus import dlq
from daira_bus.log import Log, LogRecord, Record
from daira_bus.producer import Producer, encode_headers
from daira_contracts.topics import NAME, dead_letter_name
from daira_kit.clock import now

SETTLED = "daira-settled"
SETTLED_HOW, SETTLED_BY, SETTLED_WHY, SETTLED_AT = (f"{SETTLED}-{word}" for word in ("how", "by", "why", "at"))
BETWEEN = ".dlq."
HANDLED, DUPLICATE, SUPERSEDED, DISCARDED = "handled", "duplicate", "superseded", "discarded"
FAILED_AGAIN, FORGOTTEN = "failed again", "forgotten"
CREATE_TIME = 0
LAST_SECOND = datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp()


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One dead record with its cause. A field that the letter does not say, or says unreadably, is empty or None."""

    id: str
    """`<dead letter topic>@<offset>`."""
    topic: str
    """Where the record came from, and with `partition` and `offset` its place there."""
    service: str
    """Whose handler failed."""
    partition: int | None
    offset: int | None
    handler: str
    code: str
    """The error's class: a stable code, or a type's name."""
    error: str
    stack: str
    tries: int
    """Within the last attempt."""
    redrives: int
    died_at: datetime
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    """The record's own."""
    letter_offset: int
    left_out: int | None = None
    """Bytes of a value that was too large for a letter: it lies in the record's own place. See `whole`."""

    @property
    def attempt(self) -> int:
        """1 for a letter that nobody redrove."""
        return self.redrives + 1

    @property
    def group(self) -> tuple[str, str, str, str]:
        """Letters of one group probably have one cause: topic, service, error class, handler."""
        return (self.topic, self.service, self.code, self.handler)

    def record(self, prefix: str = "") -> Record:
        """The record as it was, at its old place: the place is part of a tombstone's identity in the inbox."""
        return Record(
            topic=prefix + self.topic,
            partition=self.partition or 0,
            offset=self.offset or 0,
            timestamp=int(self.died_at.timestamp() * 1000),
            timestamp_type=CREATE_TIME,
            key=self.key,
            value=self.value,
            checksum=None,
            serialized_key_size=len(self.key or b""),
            serialized_value_size=len(self.value or b""),
            headers=self.headers,
        )

    def header(self, name: str) -> str:
        """A header of the record as text; empty when it has none."""
        return _text(dict(self.headers).get(name))


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a letter, by whom and why."""

    how: str
    who: str = ""
    why: str = ""
    at: datetime


class Pile(msgspec.Struct, frozen=True, kw_only=True):
    """The letters of some topics in the order they were buried."""

    letters: tuple[Letter, ...]
    settled: dict[str, Settlement]
    """By letter id."""

    @property
    def open(self) -> list[Letter]:
        """Those that nobody has settled."""
        return [letter for letter in self.letters if letter.id not in self.settled]


def split_name(topic: str) -> tuple[str, str]:
    """(topic, service) of a dead letter topic's name; ("", "") when it is none."""
    original, between, service = topic.rpartition(BETWEEN)
    return (original, service) if between else ("", "")


async def read_pile(log: Log, topic: str | None = None, service: str | None = None) -> Pile:
    """Every letter there is, or those of one original topic or service, also where no contract knows the topic.

    Raises BrokerUnavailable.
    """
    wanted = []
    for name in await log.topics():
        original, owner = split_name(name)
        # What is named otherwise belongs to the test runs of another prefix.
        if NAME.fullmatch(original) and topic in (None, original) and service in (None, owner):
            wanted.append(name)
    letters: list[Letter] = []
    settled: dict[str, Settlement] = {}
    async for batch in log.read(await log.spans(wanted) if wanted else []):
        _sort(batch.topic, batch.records, letters, settled)
    letters.sort(key=lambda letter: (letter.died_at, letter.topic, letter.letter_offset))
    return Pile(letters=tuple(letters), settled=settled)


async def whole(log: Log, letter: Letter) -> Letter | None:
    """The letter with the value that was left out of it; None when its topic has let the record go.

    Raises BrokerUnavailable, UnknownTopic.
    """
    if letter.left_out is None:
        return letter
    for span in await log.spans([letter.topic]):
        if span.partition != letter.partition or letter.offset is None or not span.start <= letter.offset < span.end:
            continue
        one = msgspec.structs.replace(span, start=letter.offset, end=letter.offset + 1)
        async for batch in log.read([one]):
            for record in batch.records:
                if record.key == letter.key and record.value is not None:
                    return msgspec.structs.replace(letter, value=record.value, left_out=None)
    return None


async def settle(producer: Producer, letters: Iterable[Letter], settlement: Settlement) -> None:
    """Mark all as settled; twice is as good as once. Raises BrokerUnavailable: some may be marked then."""
    why = {
        SETTLED_HOW: settlement.how,
        SETTLED_BY: settlement.who,
        SETTLED_WHY: settlement.why,
        SETTLED_AT: settlement.at.isoformat(),
    }
    for letter in letters:
        topic = dead_letter_name(letter.topic, letter.service)
        headers = encode_headers({SETTLED: str(letter.letter_offset), **why})
        # The topic may be compacted: a mark has a key of its own, so that it takes no letter along.
        await producer.send(topic, f"{SETTLED}:{letter.letter_offset}".encode(), None, headers)


def settlement(how: str, who: str = "", why: str = "") -> Settlement:
    """As of now."""
    return Settlement(how=how, who=who, why=why, at=now())


def _sort(topic: str, records: Sequence[LogRecord], letters: list[Letter], settled: dict[str, Settlement]) -> None:
    for record in records:
        headers = {name: value for name, value in record.headers if name.startswith("daira-")}
        if SETTLED in headers:
            settled[f"{topic}@{_text(headers[SETTLED])}"] = _settlement(headers, record)
        elif record.value is None and dlq.ORIGINAL_TOPIC not in headers:
            forgotten = Settlement(how=FORGOTTEN, why="its key was removed", at=_moment(record))
            settled.update({one.id: forgotten for one in letters if one.key == record.key and _lies_in(one, topic)})
        else:
            letter = _letter(topic, record, headers)
            letters.append(letter)
            if dlq.REDRIVEN_FROM in headers:
                before = f"{topic}@{_text(headers[dlq.REDRIVEN_FROM])}"
                settled.setdefault(before, Settlement(how=FAILED_AGAIN, why=letter.id, at=letter.died_at))


def _lies_in(letter: Letter, topic: str) -> bool:
    return letter.id.rpartition("@")[0] == topic


def _letter(topic: str, record: LogRecord, headers: dict[str, bytes | None]) -> Letter:
    original, service = split_name(topic)

    def said(name: str) -> str:
        return _text(headers.get(name))

    return Letter(
        id=f"{topic}@{record.offset}",
        topic=original,
        service=service,
        partition=_number(said(dlq.ORIGINAL_PARTITION)),
        offset=_number(said(dlq.ORIGINAL_OFFSET)),
        handler=said(dlq.HANDLER),
        code=said(dlq.ERROR_CODE),
        error=said(dlq.ERROR),
        stack=said(dlq.STACK),
        tries=_number(said(dlq.TRIES)) or 0,
        redrives=_number(said(dlq.REDRIVES)) or 0,
        died_at=_moment(record),
        key=record.key,
        value=record.value,
        headers=tuple((name, value or b"") for name, value in record.headers if name not in dlq.CAUSES),
        letter_offset=record.offset,
        left_out=_number(said(dlq.VALUE_LEFT_OUT)),
    )


def _settlement(headers: dict[str, bytes | None], record: LogRecord) -> Settlement:
    how, who, why = (_text(headers.get(name)) for name in (SETTLED_HOW, SETTLED_BY, SETTLED_WHY))
    return Settlement(how=how, who=who, why=why, at=_moment(record))


def _moment(record: LogRecord) -> datetime:
    # The record's own time, which always reads; a broker lets through any clock that is late.
    return datetime.fromtimestamp(min(max(record.timestamp, 0) / 1000, LAST_SECOND), tz=UTC)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")
