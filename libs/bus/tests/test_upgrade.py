"""A consumer goes from v1 of a contract to v2 and back while its owner tells both: the steps of the recipe."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar
from uuid import UUID

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from daira_bus.consumer import Consumer
from daira_bus.producer import open_producer
from daira_bus.subscription import Subscription, on
from daira_contracts._event import Event
from daira_contracts.user import DataSaver, SettingsChangedV1
from daira_kit.ids import new_id
from daira_stores.postgres import Database
from daira_stores.work import Work
from daira_testing.fixtures import MakeDatabase
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually


class SettingsChangedV2(Event, frozen=True, kw_only=True):
    """What v1 called `data_saver` is a number here: nobody can read the one as the other."""

    topic: ClassVar[str] = "user.settings-changed.v2"
    key: ClassVar[tuple[str, ...]] = ("user_id",)

    user_id: UUID
    saver_level: int


LEVELS = {DataSaver.NEVER: 0, DataSaver.CELLULAR: 1, DataSaver.ALWAYS: 2}
PUT = """
INSERT INTO held (user_id, revision, level, told_by) VALUES (%s, %s, %s, %s)
ON CONFLICT (user_id) DO UPDATE SET revision = excluded.revision, level = excluded.level, told_by = excluded.told_by
WHERE held.revision < excluded.revision
"""
Row = tuple[int, int]


async def put_v1(event: SettingsChangedV1, work: Work, _: object) -> None:
    await work.execute(PUT, (event.user_id, event.revision, LEVELS[event.data_saver], "v1"))


async def put_v2(event: SettingsChangedV2, work: Work, _: object) -> None:
    await work.execute(PUT, (event.user_id, event.revision, event.saver_level, "v2"))


OLD, NEW = on(SettingsChangedV1, put_v1), on(SettingsChangedV2, put_v2)


class Owner:
    """Tells v1 alone, then both: what it told last of each person is the truth."""

    def __init__(self, probe: TopicProbe) -> None:
        self._probe, self.truth = probe, dict[UUID, Row]()

    async def tell(self, user_id: UUID, saver: DataSaver, *, both: bool) -> None:
        revision = self.truth.get(user_id, (0, 0))[0] + 1
        self.truth[user_id] = revision, LEVELS[saver]
        await self._probe.publish(SettingsChangedV1(user_id=user_id, revision=revision, data_saver=saver))
        if both:
            await self.tell_again(user_id)

    async def tell_again(self, user_id: UUID) -> None:
        """In v2 what v1 told: once for every key, so that the new topic is whole."""
        revision, level = self.truth[user_id]
        await self._probe.publish(SettingsChangedV2(user_id=user_id, revision=revision, saver_level=level))


@asynccontextmanager
async def deployed(
    probe: TopicProbe, database: Database, group: str, *subscriptions: Subscription
) -> AsyncIterator[None]:
    """One release of the consumer; each is a member of the same group."""
    async with open_producer(probe.bootstrap, "feed", probe.prefix) as producer:
        consumer = Consumer(
            service="feed",
            bootstrap=probe.bootstrap,
            subscriptions=subscriptions,
            target=None,
            database=database,
            producer=producer,
            prefix=probe.prefix,
            group=group,
        )
        stop = asyncio.Event()
        running = asyncio.create_task(consumer.run(stop))
        try:
            await asyncio.wait_for(consumer.joined.wait(), 60)
            yield
        finally:
            stop.set()
            await running


async def test_from_v1_to_v2_and_back_nothing_is_lost_and_nothing_old_returns(
    probe: TopicProbe, make_database: MakeDatabase
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=probe.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(probe.prefix + SettingsChangedV2.topic, 3, 1)])
    await admin.close()
    database, group = await make_database(), f"upgrade-{new_id()}"
    async with database.work() as work:
        await work.execute("CREATE TABLE held (user_id uuid PRIMARY KEY, revision bigint, level integer, told_by text)")
    owner, people = Owner(probe), [new_id() for _ in range(6)]

    async def held(told_by: str, *users: UUID) -> bool:
        async with database.read() as work:
            rows = await work.all("SELECT * FROM held WHERE user_id = ANY(%s)", (people,))
        by_user = {row["user_id"]: row for row in rows}
        same = {user: (row["revision"], row["level"]) for user, row in by_user.items()} == owner.truth
        return same and all(by_user[user]["told_by"] == told_by for user in users)

    async with deployed(probe, database, group, OLD):
        for user in people[:4]:
            await owner.tell(user, DataSaver.ALWAYS, both=False)
        await eventually(lambda: held("v1", *people[:4]))
        for user in people[:2]:
            await owner.tell(user, DataSaver.NEVER, both=True)
        for user in people[2:4]:
            await owner.tell_again(user)
        await eventually(lambda: held("v1", *people[:4]))
    await owner.tell(people[0], DataSaver.CELLULAR, both=True)  # while nobody is up

    async with deployed(probe, database, group, NEW):
        await owner.tell(people[4], DataSaver.ALWAYS, both=True)
        await eventually(lambda: held("v2", people[0], people[4]))

    async with deployed(probe, database, group, OLD):
        await owner.tell(people[5], DataSaver.NEVER, both=True)
        await owner.tell(people[4], DataSaver.NEVER, both=True)
        await eventually(lambda: held("v1", people[5], people[4]))

    # Both at once, as during a roll-out that moves one topic after the other: each fact is told twice and counts once.
    async with deployed(probe, database, group, OLD, NEW):
        for user in people:
            await owner.tell(user, DataSaver.CELLULAR, both=True)
        await eventually(lambda: held("v1"))
