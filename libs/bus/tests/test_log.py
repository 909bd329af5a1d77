"""A range of a topic is read as it lies, without a group."""

from datetime import timedelta

import pytest

from daira_bus.errors import BrokerUnavailable
from daira_bus.log import Log, Span, UnknownTopic, open_log
from daira_contracts.user import DataSaver, SettingsChangedV1
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_testing.topics import TopicProbe

TOPIC = SettingsChangedV1.topic


async def publish(probe: TopicProbe, count: int) -> list[SettingsChangedV1]:
    events = [SettingsChangedV1(user_id=new_id(), data_saver=DataSaver.ALWAYS) for _ in range(count)]
    await probe.publish(*events)
    return events


async def ids(log: Log, spans: list[Span], *, in_turn: bool = False) -> list[str]:
    found = []
    async for batch in log.read(spans, in_turn=in_turn):
        # Other tests left records of every kind in the topic.
        found += [(dict(record.headers).get("ce_id") or b"").decode() for record in batch.records]
    return found


@pytest.mark.parametrize("in_turn", [True, False])
async def test_every_record_of_all_partitions_is_read_once(probe: TopicProbe, in_turn: bool) -> None:
    async with open_log(probe.bootstrap, probe.prefix) as log:
        before = {span.partition: span.end for span in await log.spans([TOPIC])}
        events = await publish(probe, 200)
        spans = [
            Span(topic=TOPIC, partition=span.partition, start=before[span.partition], end=span.end)
            for span in await log.spans([TOPIC])
        ]
        found = await ids(log, spans, in_turn=in_turn)
    assert sorted(found) == sorted(str(event.event_id) for event in events)


async def test_what_arrives_after_the_range_was_taken_is_not_in_it(probe: TopicProbe) -> None:
    async with open_log(probe.bootstrap, probe.prefix) as log:
        await publish(probe, 20)
        spans = await log.spans([TOPIC])
        late = await publish(probe, 20)
        found = await ids(log, spans)
    assert not set(found) & {str(event.event_id) for event in late}
    assert len(found) == sum(span.end - span.start for span in spans)


async def test_a_range_begins_at_a_moment_or_at_an_offset(probe: TopicProbe) -> None:
    async with open_log(probe.bootstrap, probe.prefix) as log:
        await publish(probe, 20)
        future = await log.spans([TOPIC], since=now() + timedelta(hours=1))
        past = await log.spans([TOPIC], since=now() - timedelta(days=1))
        fifth = await log.spans([TOPIC], from_offset=5)
    assert all(span.start == span.end for span in future)
    assert all(span.start == 0 for span in past)
    assert all(span.start == min(5, span.end) for span in fifth)


async def test_an_unknown_topic_is_named_and_not_made(probe: TopicProbe) -> None:
    async with open_log(probe.bootstrap, probe.prefix) as log:
        with pytest.raises(UnknownTopic, match=r"user\.nobody\.v1"):
            await log.spans(["user.nobody.v1"])
        assert "user.nobody.v1" not in await log.topics()


async def test_a_broker_that_is_not_there_is_named() -> None:
    async with open_log("127.0.0.1:9") as log:
        with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:9"):
            await log.topics()
