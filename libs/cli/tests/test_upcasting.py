"""A dump that is older than the code runs through the steps between the versions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import pytest

from daira_bus.subscription import on
from daira_cli.errors import Usage
from daira_cli.run.outcome import Outcome, Verdict
from daira_cli.run.scratch import Stores
from daira_cli.run.session import Plan, run_on_scratch
from daira_contracts._event import Event
from daira_contracts.upcasting import Body, Upcast, path_between
from daira_devtools.stack import Endpoints
from daira_kit.ids import new_id
from daira_kit.settings import CommonSettings
from daira_runtime import Parts, Platform, Service
from daira_stores.work import Work
from daira_testing.dumps import dump_line, write_dump

HEARD: list[str] = []


class NameChangedV1(Event, frozen=True, kw_only=True):
    """As it once was."""

    topic: ClassVar[str] = "user.name-changed.v1"
    key: ClassVar[tuple[str, ...]] = ("user_id",)
    user_id: UUID
    name: str


class NameChangedV3(Event, frozen=True, kw_only=True):
    """As the code has it."""

    topic: ClassVar[str] = "user.name-changed.v3"
    key: ClassVar[tuple[str, ...]] = ("user_id",)
    user_id: UUID
    given_name: str
    family_name: str


async def remember_name(event: NameChangedV3, _work: Work, _target: object) -> None:
    HEARD.append(f"{event.family_name}, {event.given_name}")


@asynccontextmanager
async def build(_settings: CommonSettings, _platform: Platform) -> AsyncIterator[Parts]:
    yield Parts(subscriptions=(on(NameChangedV3, remember_name),))


def split(body: Body) -> Body:
    given, _, family = body.pop("name").partition(" ")
    return body | {"given": given, "family": family}


def spell_out(body: Body) -> Body:
    return body | {"givenName": body.pop("given"), "familyName": body.pop("family")}


STEPS = (
    Upcast(from_topic="user.name-changed.v2", to_topic=NameChangedV3.topic, change=spell_out),
    Upcast(from_topic=NameChangedV1.topic, to_topic="user.name-changed.v2", change=split),
)


def plan(stack: Endpoints, dump: Path, *upcasts: Upcast) -> Plan:
    settings = CommonSettings(
        postgres_dsn=stack.postgres_dsn("postgres"), kafka_bootstrap="", cursor_secret="", root_public_key=""
    )
    # Named for a service that exists, whose tables are made and not looked at.
    return Plan(
        dump=dump,
        service=Service("admin", CommonSettings, build),
        settings=settings,
        stores=Stores(),
        upcasts=upcasts,
    )


def old(*names: str) -> list[bytes]:
    return [dump_line(NameChangedV1(user_id=new_id(), name=name), number) for number, name in enumerate(names)]


async def test_old_records_are_made_new_step_by_step(stack: Endpoints, tmp_path: Path) -> None:
    HEARD.clear()
    file = write_dump(tmp_path / "old.jsonl", old("Salma Hassan", "Mona Adel"))
    outcomes: list[Outcome] = []

    await run_on_scratch(plan(stack, file, *STEPS), outcomes.append, lambda _done, _total: None)

    assert HEARD == ["Hassan, Salma", "Adel, Mona"]
    assert [one.verdict for one in outcomes] == [Verdict.ACCEPTED] * 2
    assert [one.topic for one in outcomes] == [NameChangedV1.topic] * 2


async def test_a_missing_step_names_topic_version_field_and_file(stack: Endpoints, tmp_path: Path) -> None:
    file = write_dump(tmp_path / "old.jsonl", old("Salma Hassan"))

    with pytest.raises(Usage) as caught:
        await run_on_scratch(plan(stack, file, STEPS[0]), lambda _outcome: None, lambda _done, _total: None)

    assert caught.value.slug == "no_upcast"
    assert "user.name-changed.v1" in caught.value.message
    assert "user.name-changed.v3" in caught.value.message
    assert "lack givenName, familyName" in caught.value.message
    assert "contracts/src/daira_contracts/upcasting.py" in caught.value.then


def test_steps_that_lead_in_a_circle_lead_nowhere() -> None:
    circle = (
        Upcast(from_topic="a.b.v1", to_topic="a.b.v2", change=dict),
        Upcast(from_topic="a.b.v2", to_topic="a.b.v1", change=dict),
    )
    assert path_between("a.b.v1", "a.b.v3", circle) is None
    assert path_between("a.b.v1", "a.b.v1", circle) == []
