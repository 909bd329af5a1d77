"""The audit trail is a function of its topics, in every way one can ask, and `daira rebuild` makes it again."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from daira_admin.settings import Settings
from daira_admin.wiring import SERVICE
from daira_contracts.admin import OperatorActedV1
from daira_contracts.auth import StaffActionRecordedV1
from daira_devtools.stack import Endpoints
from daira_kit.clock import now
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase
from daira_testing.projection import Kind, Verifier, environ_of, own_topics, tell, verify_rebuild, verifying

ACTS = [UUID(int=number) for number in range(1, 41)]
ACTIONS = [UUID(int=number) for number in range(101, 141)]
BEGINNING = now()


def act(_: Random, act_id: UUID, __: int) -> OperatorActedV1:
    """An act is told once; told again, it is the same."""
    return OperatorActedV1(
        act_id=act_id,
        occurred_at=BEGINNING + timedelta(seconds=act_id.int),
        operator="mona@ops-1",
        act="replay.run.live",
        subjects=tuple(f'feed {{"{number}"}}' for number in range(act_id.int % 4)),
        reason=f'حالة {act_id.int}\n"quoted"',
    )


def action(_: Random, action_id: UUID, __: int) -> StaffActionRecordedV1:
    return StaffActionRecordedV1(
        action_id=action_id,
        occurred_at=BEGINNING + timedelta(seconds=action_id.int),
        actor="mona@ops-1",
        action="role.granted",
        subject_id=action_id,
        detail="moderator" if action_id.int % 2 else "",
        reason="night shift",
    )


KINDS = (Kind(make=act, keys=ACTS, removable=False), Kind(make=action, keys=ACTIONS, removable=False))


@pytest.fixture
async def settings(make_database: MakeDatabase, common_settings: Callable[[Database], dict[str, Any]]) -> Settings:
    return Settings(**common_settings(await make_database("admin")))


@pytest_asyncio.fixture
async def verifier(settings: Settings) -> AsyncIterator[Verifier]:
    async with verifying(SERVICE, settings) as verifier:
        yield verifier


async def test_the_audit_trail_is_a_function_of_its_topics(verifier: Verifier) -> None:
    live = await verifier.verify(tell(KINDS, seed=1))

    assert set(live) == {"admin.acts/operator_act"}


async def test_a_trail_that_was_tampered_with_is_made_again(
    verifier: Verifier, settings: Settings, stack: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ_of(SERVICE, settings).items():
        monkeypatch.setenv(name, value)
    async with own_topics(stack.kafka_bootstrap) as topics:
        await verify_rebuild(verifier, tell(KINDS, seed=2), topics)
