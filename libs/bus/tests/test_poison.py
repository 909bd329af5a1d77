"""One bad record among many: it costs its partition a moment, the rest flow, and it is kept once."""

import pytest

from daira_bus.groups import open_groups
from daira_bus.log import open_log
from daira_bus.subscription import Subscription
from daira_contracts.user import SettingsChangedV1
from daira_kit.ids import new_id
from daira_kit.settings import environment
from daira_testing.delivery import RECORD_EFFECT, RECORD_EFFECTS, Effects, change, consuming
from daira_testing.fixtures import MakeDatabase
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

TOPIC = SettingsChangedV1.topic
DEAD = f"{TOPIC}.dlq.feed"
COUNT = 10_000 if environment("SIZE") == "full" else 1_000
RETRY_BUDGET = 30.0
"""How long a record may be tried before its partition goes on, in seconds."""
WITHIN = 300.0
RECORDS_A_BATCH = 500


@pytest.mark.sized(COUNT)
@pytest.mark.parametrize("subscription", [RECORD_EFFECT, RECORD_EFFECTS], ids=["one", "many"])
async def test_one_poison_record_among_many_delays_its_partition_less_than_the_budget_and_is_buried_once(
    subscription: Subscription, make_database: MakeDatabase, probe: TopicProbe
) -> None:
    effects = await Effects.create(await make_database(), subscription)
    async with effects.database.work() as work:
        await work.execute("ALTER TABLE effect ADD COLUMN at timestamptz NOT NULL DEFAULT clock_timestamp()")
    user = new_id()  # every second event is in the poison's partition, the rest anywhere
    events = [change(user if number % 2 else new_id(), number + 1) for number in range(COUNT)]
    own = [event for event in events if event.user_id == user]
    poison, before, after = own[COUNT // 4], own[COUNT // 4 - 1], own[COUNT // 4 + 1]
    effects.failures[poison.event_id] = [ValueError("a bug")] * 10
    group = f"g{new_id()}"

    async with consuming(effects, probe, group=group):
        for start in range(0, COUNT, RECORDS_A_BATCH):
            await probe.publish(*events[start : start + RECORDS_A_BATCH])
        flowing = [event for event in events if event is not poison]
        await eventually(lambda: effects.all_seen(flowing), within=WITHIN, every=0.5)
        await eventually(lambda: has_no_lag(probe, group), within=WITHIN, every=0.5)

    async with effects.database.read() as work:
        rows = await work.all("SELECT id, at FROM effect ORDER BY n")
    ids, moments = [row["id"] for row in rows], {row["id"]: row["at"] for row in rows}
    mine = {event.event_id for event in own}
    assert [id for id in ids if id in mine] == [event.event_id for event in own if event is not poison]
    assert (moments[after.event_id] - moments[before.event_id]).total_seconds() < RETRY_BUDGET
    dead = [dict(letter.headers).get("ce_id", b"").decode() for letter in await probe.records(DEAD)]
    assert [event for event in events if str(event.event_id) in dead] == [poison]
    assert dead.count(str(poison.event_id)) == 1


async def has_no_lag(probe: TopicProbe, group: str) -> bool:
    async with open_groups(probe.bootstrap, probe.prefix) as groups, open_log(probe.bootstrap, probe.prefix) as log:
        committed = await groups.committed(group)
        ends = {(span.topic, span.partition): span.end for span in await log.spans([TOPIC])}
    return all(committed.get(place, 0) >= end for place, end in ends.items())
