"""Topics read in batches, each one transaction with the offset to go on from: exactly once, wherever it is killed."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import cache

import msgspec

from daira_bus.errors import NotDecodable
from daira_bus.handling import decode
from daira_bus.log import BATCH_RECORDS, Batch, Log, Span
from daira_bus.projection import Folded, Source, fold
from daira_cli.errors import Refused
from daira_cli.rebuild.report import Report
from daira_contracts._event import Event
from daira_kit.settings import environment
from daira_observe.logs import get_logger
from daira_stores.work import Work

logger = get_logger(__name__)
ID = rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
KEY = re.compile(rb"%b(:%b)*" % (ID, ID))
"""Every topic that feeds a projection is keyed by ids."""
Progress = Mapping[tuple[str, int], int]


async def remaining(log: Log, topics: Sequence[str], progress: Progress) -> list[Span]:
    """What the topics hold beyond `progress`. Raises Refused when they hold less than was read already."""
    spans = []
    for span in await log.spans(topics):
        begin = max(progress.get((span.topic, span.partition), 0), span.start)
        if begin > span.end:
            raise Refused(
                f"{span.topic}/{span.partition} ends at {span.end}, {begin} were read: it was made anew meanwhile",
                then="add --anew to begin from its start",
                code="topic_made_anew",
            )
        spans.append(Span(topic=span.topic, partition=span.partition, start=begin, end=span.end))
    return spans


def records_a_batch() -> int:
    """`DAIRA_REBUILD_RECORDS`: how many make one transaction, at most; fewer hold locks for a shorter time."""
    return int(environment("DAIRA_REBUILD_RECORDS", str(BATCH_RECORDS)))


async def batches(log: Log, spans: Sequence[Span]) -> AsyncIterator[Batch]:
    """All records of `spans`; a partition whose end holds no record still tells how far it was read."""
    reached = {(span.topic, span.partition): span.start for span in spans}
    async for batch in log.read(spans, batch=records_a_batch()):
        reached[batch.topic, batch.partition] = batch.next_offset
        yield batch
    for span in spans:
        if reached[span.topic, span.partition] < span.end:
            yield Batch(topic=span.topic, partition=span.partition, records=(), next_offset=span.end)


def folded(batch: Batch, event_type: type[Event], report: Report) -> Folded:
    """A batch by key. What cannot be read is passed over as its live handler does, which buries it, and counted."""
    return fold(readable(batch, event_type, report))


def readable(batch: Batch, event_type: type[Event], report: Report) -> Iterator[tuple[bytes, Event | None]]:
    """Key and event of each record that can be read; None for a removal."""
    report.records += len(batch.records)
    body = body_of(event_type)
    only, read = body.only, body.read
    # Each step of this loop is paid a million times: the usual record is read here, without a call of ours.
    for record in batch.records:
        key, value = record.key or b"", record.value
        try:
            if value is None:
                yield removed(key), None
            elif only + key + b'"' in value if only else body.names(key, value):
                yield key, read(value)
            else:
                yield key, decode(record, event_type)
        except (NotDecodable, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            report.unreadable += 1
            place = f"{batch.topic}/{batch.partition}@{record.offset}"
            logger.warning("record_unreadable", place=place, error=str(error))


def removed(key: bytes) -> bytes:
    """The key of a removal. Raises NotDecodable for one that no event of ours has."""
    if not KEY.fullmatch(key):
        raise NotDecodable(f"key {key!r}")
    return key


class Body:
    """What `handling.decode` knows of an event, for millions: its key is looked for in the bytes it was made from."""

    def __init__(self, event_type: type[Event]) -> None:
        names = {field.name: field.encode_name for field in msgspec.structs.fields(event_type)}
        # Inside a string of JSON a quote is escaped: these bytes can only be the field itself.
        self._starts = [f'"{names[field]}":"'.encode() for field in event_type.key]
        self.only = self._starts[0] if len(self._starts) == 1 else b""
        """What stands before a key that is one field; empty when it is several."""
        self.read = msgspec.json.Decoder(event_type).decode

    def names(self, key: bytes, value: bytes) -> bool:
        """Whether each part of `key` is its field in `value`."""
        parts = key.split(b":")
        return len(parts) == len(self._starts) and all(
            start + part + b'"' in value for start, part in zip(self._starts, parts, strict=True)
        )


@cache
def body_of(event_type: type[Event]) -> Body:
    """One for each type in a process."""
    return Body(event_type)


async def put(work: Work, source: Source, batch: Folded) -> None:
    """Into whichever tables `work` means now."""
    if batch.removed and source.remove is not None:
        await source.remove(work, batch.removed)
    if batch.puts:
        await source.put(work, batch.puts)
