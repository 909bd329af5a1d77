"""Takes a dump: partition after partition, so that an interrupted one ends as the same file, byte for byte."""

import secrets
import time
from asyncio import CancelledError
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from daira_bus.errors import BrokerUnavailable
from daira_bus.log import Batch, Log, Span
from daira_cli.dump.draft import Draft, State, discard_part, open_part, saved_state
from daira_cli.dump.filters import Sieve, fingerprint
from daira_cli.dump.lines import line_of
from daira_cli.dump.manifest import Filters, Manifest, Slice
from daira_cli.dump.pseudonyms import Pseudonyms
from daira_cli.dump.redaction import Redactor

SAVE_SECONDS = 5.0
"""So much work a kill costs at most. Making lines sure means waiting for the disk."""
SALT_BYTES = 16
# Few enough to stay in a processor's own memory from the broker's bytes to the line.
BATCH_RECORDS = 1_000


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asked for; `since` and `until` as typed."""

    topics: tuple[str, ...]
    since: str | None = None
    until: str | None = None
    filters: Filters
    redacted: bool = True
    reason: str = ""
    salt: str | None = None


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """How big it is: offsets in all, and offsets that an earlier run already read."""

    total: int
    done: int


class Taking:
    """One dump in progress."""

    def __init__(self, log: Log, draft: Draft, wish: Wish) -> None:
        self._log, self._draft, self._wish = log, draft, wish
        self._redactor = Redactor(Pseudonyms(bytes.fromhex(draft.state.salt))) if wish.redacted else None
        self._saved_at = time.monotonic()
        self._newest: dict[tuple[str, int], int] = {}

    @classmethod
    async def begin(cls, log: Log, file: Path, wish: Wish, *, restart: bool = False) -> "Taking":
        """A new dump, or the rest of one. Raises Refused, UnknownTopic, BrokerUnavailable."""
        timeless = msgspec.structs.replace(wish.filters, since=None, until=None)
        wishes = fingerprint(msgspec.structs.replace(wish, filters=timeless))
        part = open_part(file)
        try:
            state = saved_state(file, wishes, restart=restart) or await _fresh(log, wish, wishes)
            draft = Draft.resume(file, state, part)
            draft.save()  # from now on the range is fixed
            return cls(log, draft, wish)
        except BaseException:
            discard_part(file, part)
            raise

    @property
    def begun(self) -> Begun:
        """Offsets to read and already read."""
        state = self._draft.state
        done = sum(span.end - span.start for span in state.spans[: state.at])
        if state.at < len(state.spans):
            done += state.next_offset - state.spans[state.at].start
        return Begun(total=sum(span.end - span.start for span in state.spans), done=done)

    async def run(self, advanced: Callable[[int], None]) -> Manifest:
        """Read to the end; `advanced(offsets)` is told as it goes on. Cancelled, what was read is sure.

        Raises BrokerUnavailable when the broker stays away.
        """
        state = self._draft.state
        try:
            while state.at < len(state.spans):
                await self._read_span(advanced)
            return self._draft.finish(redacted=self._wish.redacted, reason=self._wish.reason)
        except (CancelledError, BrokerUnavailable):
            self._draft.save()
            raise
        finally:
            self._draft.close()

    async def _read_span(self, advanced: Callable[[int], None]) -> None:
        state = self._draft.state
        span = state.spans[state.at]
        rest = msgspec.structs.replace(span, start=state.next_offset)
        sieve = Sieve(state.filters, span.topic)
        async for batch in self._log.read([rest], in_turn=True, batch=BATCH_RECORDS):
            self._take(batch, sieve, state.slices[state.at])
            advanced(batch.next_offset - state.next_offset)
            state.next_offset = batch.next_offset
            if time.monotonic() - self._saved_at > SAVE_SECONDS:
                self._draft.save()
                self._saved_at = time.monotonic()
        advanced(span.end - state.next_offset)
        state.at += 1
        state.next_offset = state.spans[state.at].start if state.at < len(state.spans) else 0

    def _take(self, batch: Batch, sieve: Sieve, part: Slice) -> None:
        _note_times(part, [record.timestamp for record in batch.records])
        taken = batch.records if sieve.takes_all else [record for record in batch.records if sieve.takes(record)]
        hide, place = self._redactor, (batch.topic, batch.partition)
        lines = [line_of(*place, record) for record in taken] if hide is None else hide.lines(*place, taken)
        part.records += len(lines)
        self._draft.append(lines)


def _note_times(part: Slice, times: list[int]) -> None:
    if times and part.newest <= times[0] and times == sorted(times):  # as nearly always, and known at once
        part.newest = times[-1]
        return
    for stamp in times:
        if stamp < part.newest:
            part.backwards += 1
        else:
            part.newest = stamp


async def spans_of(log: Log, wish: Wish) -> list[Span]:
    """What would be read. Raises UnknownTopic, BrokerUnavailable."""
    return await log.spans(wish.topics, since=wish.filters.since, from_offset=wish.filters.from_offset)


async def _fresh(log: Log, wish: Wish, wishes: str) -> State:
    filters, spans = wish.filters, tuple(await spans_of(log, wish))
    return State(
        wishes=wishes,
        filters=filters,
        salt=_salt(wish.salt),
        spans=spans,
        slices=tuple(Slice(topic=s.topic, partition=s.partition, start=s.start, end=s.end) for s in spans),
        next_offset=spans[0].start if spans else 0,
    )


def _salt(given: str | None) -> str:
    return given.encode().hex() if given else secrets.token_bytes(SALT_BYTES).hex()


def counts(parts: Sequence[Slice]) -> list[tuple[object, ...]]:
    """Rows for people: topic, partition, from, to, records."""
    return [(one.topic, one.partition, one.start, one.end, one.records) for one in parts]
