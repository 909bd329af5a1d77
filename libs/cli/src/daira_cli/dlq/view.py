"""A letter for the eyes of whoever mends the cause: people's words hidden, ids shown, because they lead on."""

from datetime import datetime
from typing import Any

import msgspec

from daira_bus.letters import Letter, Pile
from daira_cli.dlq.hiding import WordsHidden, error_shown, stack_shown, why_settled
from daira_cli.dump.lines import Line, line_of
from daira_cli.dump.redaction import Redactor


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One letter in full; `value` is what JSON says, or a sentence about bytes that are none."""

    id: str
    topic: str
    partition: int | None
    offset: int | None
    service: str
    handler: str
    code: str
    error: str
    stack: str
    attempt: int
    tries: int
    died_at: datetime
    state: str
    """open, or what became of it."""
    settled_by: str
    settled_why: str
    trace_id: str
    key: str
    value: Any
    headers: dict[str, str]


def view(letter: Letter, pile: Pile, *, unredacted: bool = False) -> View:
    """`unredacted` shows everything that was in the record."""
    line = line_of(letter.topic, letter.partition or 0, letter.record())
    if not unredacted:
        line = Redactor(WordsHidden()).hide(line)
    settled = pile.settled.get(letter.id)
    return View(
        id=letter.id,
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        service=letter.service,
        handler=letter.handler,
        code=letter.code,
        error=letter.error if unredacted else error_shown(letter.error),
        stack=letter.stack if unredacted else stack_shown(letter.stack),
        attempt=letter.attempt,
        tries=letter.tries,
        died_at=letter.died_at,
        state=settled.how if settled else "open",
        settled_by=settled.who if settled else "",
        settled_why=why_settled(settled, unredacted=unredacted) if settled else "",
        trace_id=trace_id_of(letter.header("traceparent")),
        key=_readable(line.key_bytes),
        value=_value(letter, line, unredacted),
        headers={name: _readable(value) for name, value in line.header_bytes},
    )


def trace_id_of(traceparent: str) -> str:
    """The trace id in a `traceparent`; empty when it holds none."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 and len(parts[1]) == 32 else ""


def _value(letter: Letter, line: Line, unredacted: bool) -> Any:
    if letter.left_out is not None:
        return (
            f"{letter.left_out} bytes, too large for a letter; while its topic keeps the record: "
            f"kcat -C -c 1 -t {letter.topic} -p {letter.partition} -o {letter.offset}"
        )
    if letter.value is None:
        return None
    if line.value_base64 is None:
        return msgspec.json.decode(line.value)
    shown = _readable(letter.value) if unredacted else "hidden"
    return f"{len(letter.value)} bytes that are no JSON: {shown}"


def _readable(content: bytes | None) -> str:
    return (content or b"").decode(errors="backslashreplace")
