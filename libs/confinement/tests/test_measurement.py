"""What is told to the monitoring, and where a machine is too weak."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge

from daira_confinement import Level
from daira_confinement.escapes import Attempt
from daira_confinement.measurement import Measurement, NotMeasured, SandboxTooWeak, demand, measured


class Board:
    """Two gauges of this test alone."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.level = Gauge("level", "level", registry=self.registry)
        self.leak = Gauge("leak", "leak", ["attempt"], registry=self.registry)

    def reads(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


def found(level: Level, *leaks: Attempt) -> Any:
    async def measure() -> Measurement:
        return Measurement(level=level, leaks=frozenset(leaks))

    return measure


@pytest.mark.parametrize(
    ("minimum", "leaks", "accepted"),
    [
        (Level.CONFINED, {Attempt.READ_FILE}, False),
        (Level.FILTERED, {Attempt.READ_FILE}, True),
        (Level.FILTERED, {Attempt.OPEN_SOCKET}, False),
        (Level.LIMITED, {Attempt.OPEN_SOCKET}, True),
        (Level.ISOLATED, set(), True),
    ],
)
def test_a_leak_counts_where_the_minimum_forbids_it(minimum: Level, leaks: Any, accepted: bool) -> None:
    refused = None
    try:
        Measurement(level=minimum, leaks=frozenset(leaks)).accept(minimum)
    except SandboxTooWeak as weak:
        refused = weak

    assert (refused is None) is accepted


def test_a_child_that_is_locked_in_too_little_is_refused_with_its_reasons() -> None:
    demand(Level.FILTERED, (), Level.FILTERED)
    with pytest.raises(SandboxTooWeak, match="LIMITED is below FILTERED: no seccomp"):
        demand(Level.LIMITED, ("no seccomp",), Level.FILTERED)


async def test_every_attempt_and_the_level_are_told() -> None:
    board = Board()

    reached = await measured(
        found(Level.FILTERED, Attempt.LIST_ROOT), minimum=Level.FILTERED, level=board.level, leak=board.leak
    )

    assert reached is Level.FILTERED
    assert board.reads("level") == Level.FILTERED
    assert {attempt: board.reads("leak", attempt=attempt.value) for attempt in Attempt} == {
        attempt: float(attempt is Attempt.LIST_ROOT) for attempt in Attempt
    }


async def test_a_leak_that_counts_leaves_the_machine_without_a_level_but_is_told() -> None:
    board = Board()

    reached = await measured(
        found(Level.CONFINED, Attempt.READ_FILE), minimum=Level.CONFINED, level=board.level, leak=board.leak
    )

    assert reached is None
    assert board.reads("level") == -1
    assert board.reads("leak", attempt="read_file") == 1


@pytest.mark.parametrize("error", [NotMeasured("it died"), SandboxTooWeak("NONE is below CONFINED")])
async def test_a_machine_that_could_not_be_measured_opens_nothing(error: Exception) -> None:
    board = Board()

    async def measure() -> Measurement:
        raise error

    assert await measured(measure, minimum=Level.CONFINED, level=board.level, leak=board.leak) is None
    assert board.reads("level") == -1
