"""What counts as an event."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daira_contracts.interaction import UserEventMetadata, UserEventRecordedV1
from daira_interaction.domain import KEPT, Rejected, bounded, parse, record, seconds_left

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


def raw(**changes: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "eventType": "WATCH",
        "entityType": "VIDEO",
        "entityId": str(uuid4()),
        "source": "CIRCLE",
        "occurredAt": "2026-11-22T17:59:00.123Z",
        "metadata": {"watchTime": 5.28, "duration": 5.28},
    } | changes


def code_of(element: object) -> str:
    with pytest.raises(Rejected) as caught:
        parse(element, NOW)
    return caught.value.code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id": "7"}, "id_invalid"),
        ({"id": None}, "id_invalid"),
        ({"eventType": "TELEPORT"}, "event_type_unknown"),
        ({"eventType": "UNKNOWN"}, "event_type_unknown"),
        ({"eventType": ["WATCH"]}, "event_type_unknown"),
        ({"entityType": "CAR"}, "entity_type_unknown"),
        ({"entityId": "a search for something"}, "entity_id_invalid"),
        ({"source": "RADIO"}, "source_unknown"),
        ({"occurredAt": "yesterday"}, "occurred_at_invalid"),
        ({"occurredAt": 1_700_000_000}, "occurred_at_invalid"),
        ({"occurredAt": "2026-11-22T17:59:00"}, "occurred_at_invalid"),
        ({"occurredAt": "2026-11-22T18:06:00Z"}, "occurred_at_in_future"),
        ({"occurredAt": "2026-11-15T17:59:00Z"}, "occurred_at_too_old"),
        ({"occurredAt": "0001-01-01T00:00:00+14:00"}, "occurred_at_invalid"),
        ({"metadata": "fast"}, "metadata_invalid"),
        ({"metadata": {"watchTime": -1}}, "metadata_invalid"),
        ({"metadata": {"watchTime": "5"}}, "metadata_invalid"),
        ({"metadata": {"watchTime": True}}, "metadata_invalid"),
        ({"metadata": {"watchTime": float("nan")}}, "metadata_invalid"),
        ({"metadata": {"watchTime": 1e300}}, "metadata_invalid"),
        ({"metadata": {"scrollDepth": 101}}, "metadata_invalid"),
    ],
)
def test_each_fault_has_a_code_of_its_own(change: dict[str, Any], code: str) -> None:
    assert code_of(raw(**change)) == code


@pytest.mark.parametrize("element", [None, 3, "event", [], [raw()]])
def test_what_is_no_object_is_malformed(element: object) -> None:
    assert code_of(element) == "event_malformed"


def test_words_in_metadata_are_left_behind() -> None:
    claim = parse(raw(metadata={"query": "a private search", "watchTime": 1}), NOW)

    assert b"private" not in msgspec.json.encode(record(claim, uuid4(), NOW, None))


def test_a_clock_that_is_a_little_ahead_is_set_to_ours() -> None:
    assert parse(raw(occurredAt="2026-11-22T18:04:00Z"), NOW).happened_at == NOW


def test_both_clocks_are_kept() -> None:
    fact = record(parse(raw(), NOW), uuid4(), NOW, None)

    assert fact.happened_at == datetime(2026, 11, 22, 17, 59, 0, 123_000, tzinfo=UTC)
    assert fact.received_at == NOW


def test_a_repeat_is_the_same_event_and_another_persons_is_not() -> None:
    claim, me, you = parse(raw(), NOW), uuid4(), uuid4()

    first, again = record(claim, me, NOW, None), record(claim, me, NOW + timedelta(hours=1), None)

    assert first.event_id == again.event_id
    assert record(claim, you, NOW, None).event_id != first.event_id


@pytest.mark.parametrize(
    ("watched", "claimed", "known", "kept"),
    [
        (5_280, 5_280, 5_280, 5_280),
        (50_000, 60_000, 5_280, 5_280),
        (50_000, 5_000, None, 5_000),
        (86_400_000, None, None, 600_000),
        (86_400_000, 86_400_000, None, 600_000),
        (None, 5_000, 5_280, None),
    ],
)
def test_nobody_watches_more_than_there_is(
    watched: int | None, claimed: int | None, known: int | None, kept: int | None
) -> None:
    result = bounded(UserEventMetadata(watch_time_ms=watched, duration_ms=claimed), known)

    assert result.watch_time_ms == kept


def test_an_event_is_kept_from_when_it_happened() -> None:
    assert seconds_left(NOW, NOW) == KEPT.total_seconds()
    assert seconds_left(NOW - KEPT, NOW) == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
NAMES = ("id", "eventType", "entityType", "entityId", "source", "occurredAt", "metadata")


@given(st.dictionaries(st.sampled_from(NAMES), json_values))
def test_no_input_makes_judging_fail_in_another_way(changes: dict[str, Any]) -> None:
    try:
        claim = parse(raw(**changes), NOW)
    except Rejected:
        return
    fact = record(claim, uuid4(), NOW, 1_000)
    assert msgspec.json.decode(msgspec.json.encode(fact), type=UserEventRecordedV1) == fact
