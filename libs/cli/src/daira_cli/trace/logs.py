"""What the services wrote about a trace: JSON lines of files, one folder for all services."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from daira_cli.errors import Usage
from daira_cli.trace.nodes import Kind, Node, Place, State

ENDINGS = (".log", ".jsonl", ".json")
NAMED = ("request_id", "event_id", "code", "key", "video_id")
"""Fields of a line by which somebody may ask for its trace."""
PROBLEMS = {"request_failed", "unhandled_error"}
Line = dict[str, Any]


def lines_with(folder: Path, needles: Iterable[str]) -> Iterator[Line]:
    """Every line that contains one of `needles`. What a tool put before the JSON is passed over, as is what is none.

    Raises Usage when there is no such folder.
    """
    if not folder.is_dir():
        raise Usage(f"{folder} is no folder", then="--logs takes a folder with one file a service or pod")
    wanted = [needle.encode() for needle in needles]
    for file in sorted(path for path in folder.iterdir() if path.suffix in ENDINGS):
        with file.open("rb") as lines:
            for line in lines:
                if any(needle in line for needle in wanted):
                    yield from _decoded(line)


def named(folder: Path, word: str) -> dict[str, datetime]:
    """Trace ids of the lines in which one of NAMED is `word`, with the time of the newest."""
    found: dict[str, datetime] = {}
    for line in lines_with(folder, [word]):
        trace_id = str(line.get("trace_id", ""))
        if trace_id and any(line.get(name) == word for name in NAMED):
            found[trace_id] = max(_time(line), found.get(trace_id, _time(line)))
    return found


def read_nodes(folder: Path, trace_ids: Iterable[str], prefix: str, asked: str = "") -> list[Node]:
    """Requests, handled records and jobs of these traces; several lines of one span are one node.

    A refused request is a service's answer like any other, but has failed where `asked` is its error code or its id.
    """
    spans: dict[str, Node] = {}
    for line in lines_with(folder, trace_ids):
        node = _node(line, prefix, asked)
        if node is not None:
            held = spans.get(node.id)
            spans[node.id] = node if held is None else _merged(held, node)
    return list(spans.values())


def _decoded(line: bytes) -> Iterator[Line]:
    start = line.find(b"{")
    try:
        found = msgspec.json.decode(line[start:]) if start >= 0 else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if isinstance(found, dict):
        yield found


def _node(line: Line, prefix: str, asked: str) -> Node | None:
    event = str(line.get("event", ""))
    if event == "request" or event in PROBLEMS:
        return _request(line, event, asked)
    if event in ("record_handled", "record_dead", "handler_retries"):
        return _handled(line, event, prefix)
    if event in ("job_done", "job_dead", "job_retries"):
        return _job(line, event)
    return None


def _request(line: Line, event: str, asked: str) -> Node:
    status = line.get("status")
    is_meant = asked != "" and asked in (line.get("code"), line.get("request_id"))
    failed = event in PROBLEMS or (isinstance(status, int) and status >= (400 if is_meant else 500))
    what = f"{line.get('method', '')} {line.get('route', '')} → {status}" if event == "request" else ""
    detail = " ".join(str(line[name]) for name in ("code", "error") if line.get(name))
    return _of(line, Kind.REQUEST, what, State.FAILED if failed else State.OK, detail)


def _handled(line: Line, event: str, prefix: str) -> Node:
    outcome = {"record_dead": "dead", "handler_retries": "retries"}.get(event) or str(line.get("outcome", ""))
    state = {"record_dead": State.FAILED, "handler_retries": State.RETRIED}.get(event, State.OK)
    node = _of(line, Kind.HANDLED, f"{line.get('handler', '')}: {outcome}", state, str(line.get("error", "")))
    return msgspec.structs.replace(node, place=_place(line, prefix), event_id=str(line.get("event_id", "")))


def _job(line: Line, event: str) -> Node:
    state = {"job_dead": State.FAILED, "job_retries": State.RETRIED}.get(event, State.OK)
    what = f"job {line.get('kind', '')} {line.get('key', '')}: {event.removeprefix('job_')}"
    return _of(line, Kind.JOB, what, state, str(line.get("error", "")))


def _of(line: Line, kind: Kind, what: str, state: State, detail: str) -> Node:
    span, ms = str(line.get("span_id", "")), line.get("ms")
    spent = float(ms) if isinstance(ms, int | float) else None
    return Node(
        id=f"{kind.value} {span}",
        kind=kind,
        at=_time(line) - timedelta(milliseconds=spent or 0),  # a line is written at the end
        service=str(line.get("service", "")),
        what=what,
        state=state,
        ms=spent,
        detail=detail,
        trace_id=str(line.get("trace_id", "")),
        span=span,
        parent_span=str(line.get("parent_id", "")),
    )


def _merged(first: Node, second: Node) -> Node:
    """The last word counts; a failure on the way is kept as a retry, and what it said."""
    last, before = (second, first) if second.what else (first, second)
    state = last.state
    if State.FAILED in (first.state, second.state):
        state = State.FAILED
    elif state is State.OK and before.state is State.RETRIED:
        state = State.RETRIED
    started = min(first.at, second.at)
    return msgspec.structs.replace(last, at=started, state=state, detail=last.detail or before.detail)


def _place(line: Mapping[str, Any], prefix: str) -> Place | None:
    topic, partition, offset = line.get("topic"), line.get("partition"), line.get("offset")
    if not isinstance(topic, str) or not isinstance(partition, int) or not isinstance(offset, int):
        return None
    return (topic.removeprefix(prefix), partition, offset)


def _time(line: Line) -> datetime:
    try:
        found = datetime.fromisoformat(str(line.get("timestamp", "")))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
