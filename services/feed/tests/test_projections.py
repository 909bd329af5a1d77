"""Projections are functions of their topics: events twice, late, or with keys swapped give the same rows."""

from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from daira_contracts._event import Event
from daira_contracts.media import AssetChangedV1, AssetKind, AssetState
from daira_contracts.user import (
    DataSaver,
    FollowState,
    ProfileChangedV1,
    ProfileState,
    RelationChangedV1,
    SettingsChangedV1,
)
from daira_contracts.video import VideoChangedV1, VideoState
from daira_feed.handlers import SUBSCRIPTIONS
from daira_feed.service import FeedService
from daira_feed.settings import Settings
from daira_feed.wiring import assemble
from daira_kit.clock import now
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase

ONE, TWO, THREE = (UUID(f"0190f0c0-0000-7000-8000-00000000000{number}") for number in (1, 2, 3))
PROJECTIONS = ("profile", "relation", "author", "reader", "asset", "video")


def relation(actor: UUID, target: UUID, revision: int, **held: Any) -> RelationChangedV1:
    return RelationChangedV1(
        actor_id=actor, target_id=target, revision=revision, **{"follow": FollowState.FOLLOWING, **held}
    )


def profile(user_id: UUID, revision: int, handle: str) -> ProfileChangedV1:
    return ProfileChangedV1(
        user_id=user_id,
        revision=revision,
        state=ProfileState.ACTIVE,
        handle=handle,
        display_name=handle,
        created_at=now(),
    )


HISTORY: tuple[Event, ...] = (
    relation(ONE, TWO, 1),
    relation(ONE, TWO, 2, follow=FollowState.NONE),
    relation(ONE, TWO, 3, mutes=True),
    relation(THREE, TWO, 1),
    relation(TWO, ONE, 1, follow=FollowState.NONE, blocks=True),
    profile(ONE, 1, "old"),
    profile(ONE, 2, "new"),
    SettingsChangedV1(user_id=ONE, revision=1, data_saver=DataSaver.ALWAYS),
    SettingsChangedV1(user_id=ONE, revision=2, data_saver=DataSaver.NEVER),
    AssetChangedV1(
        media_id=ONE,
        owner_id=TWO,
        kind=AssetKind.IMAGE,
        state=AssetState.READY,
        storage_key="media/1",
        content_type="image/webp",
        size_bytes=1,
        revision=2,
    ),
    VideoChangedV1(video_id=TWO, owner_id=TWO, state=VideoState.PLAYABLE, revision=3),
)


class Consumer:
    """Hands events to the handlers as the consumer loop does, but for the inbox: duplicates reach them."""

    def __init__(self, database: Database, service: FeedService) -> None:
        self.database, self.service = database, service

    async def take(self, *events: Event) -> None:
        handlers = {one.topic: one.handler for one in SUBSCRIPTIONS}
        for event in events:
            async with self.database.work() as work:
                await handlers[event.topic](event, work, self.service)

    async def state(self) -> dict[str, list[str]]:
        found = {}
        async with self.database.read() as work:
            for table in PROJECTIONS:
                rows = await (await work.connection.execute(f"SELECT * FROM {table}")).fetchall()
                # How often a counter changed is not what it says.
                found[table] = sorted(str({**row, "following_revision": 0}) for row in rows)
        return found


@pytest.fixture
async def make_consumer(make_database: MakeDatabase, common_settings: Any, object_settings: Any, feed: Any) -> Any:
    async def make() -> Consumer:
        database = await make_database("feed")
        settings = Settings(**common_settings(database), **object_settings, redis_url="redis://127.0.0.1:1")
        return Consumer(database, assemble(settings, database, feed.wire, feed.wire))

    return make


async def test_every_event_twice_is_as_good_as_once(make_consumer: Any) -> None:
    once, twice = await make_consumer(), await make_consumer()

    await once.take(*HISTORY)
    await twice.take(*[event for event in HISTORY for _ in range(2)], *HISTORY)

    assert await twice.state() == await once.state()
    assert (await once.state())["profile"]


async def test_neighbours_of_different_keys_may_swap(make_consumer: Any) -> None:
    straight, swapped = await make_consumer(), await make_consumer()
    turned = sorted(HISTORY, key=lambda event: (event.key_text(), event.revision), reverse=False)

    await straight.take(*HISTORY)
    await swapped.take(*turned)

    assert await swapped.state() == await straight.state()


async def test_late_revisions_of_one_pair_leave_the_newest(make_consumer: Any) -> None:
    events = [event for event in HISTORY if event.key_text() == f"{ONE}:{TWO}"]
    states = []
    for order in permutations(events):
        consumer = await make_consumer()
        await consumer.take(*order)
        state = await consumer.state()
        states.append((state["relation"], state["author"], state["reader"]))

    assert all(state == states[0] for state in states)
