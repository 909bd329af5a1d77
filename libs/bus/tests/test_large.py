"""Records as large as contracts allow are taken everywhere; what is larger still is buried without its value."""

import pytest

from daira_bus.dlq import ORIGINAL_OFFSET, ORIGINAL_PARTITION, VALUE_LEFT_OUT
from daira_bus.errors import RecordTooLarge
from daira_bus.letters import read_pile, whole
from daira_bus.log import open_log
from daira_bus.subscription import Subscription
from daira_contracts.moderation import WordlistChangedV1
from daira_contracts.topics import LARGEST_RECORD, topics
from daira_contracts.user import SettingsChangedV1
from daira_kit.ids import new_id
from daira_stores.work import RECORD_OVERHEAD
from daira_testing.delivery import RECORD_EFFECT, RECORD_EFFECTS, Effects, change, consuming
from daira_testing.fixtures import MakeDatabase
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

TOPIC = SettingsChangedV1.topic
DEAD = f"{TOPIC}.dlq.feed"
TOO_LARGE = {"for its dead letters": 4 * topics()[TOPIC].max_bytes, "for any producer of ours": 2 * LARGEST_RECORD}


@pytest.mark.parametrize("size", TOO_LARGE.values(), ids=TOO_LARGE)
@pytest.mark.parametrize("subscription", [RECORD_EFFECT, RECORD_EFFECTS], ids=["one", "many"])
async def test_poison_of_a_topic_whose_limit_was_raised_is_buried_once_without_its_value_and_the_rest_goes_on(
    subscription: Subscription, size: int, make_database: MakeDatabase, probe: TopicProbe
) -> None:
    effects = await Effects.create(await make_database(), subscription)
    user = new_id()
    before, after, poison = change(user, 1), change(user, 2), b"[" * size

    async with consuming(effects, probe):
        await probe.publish(before)
        partition, offset = await probe.send_oversized(TOPIC, str(user).encode(), poison)
        await probe.publish(after)
        await eventually(lambda: effects.all_seen([before, after]))

    (letter,) = [one for one in await probe.records(DEAD) if one.key == str(user).encode()]
    headers = dict(letter.headers)
    assert (letter.value, headers[VALUE_LEFT_OUT]) == (None, str(size).encode())
    assert (headers[ORIGINAL_PARTITION], headers[ORIGINAL_OFFSET]) == (b"%d" % partition, b"%d" % offset)
    async with open_log(probe.bootstrap, probe.prefix) as log:
        pile = await read_pile(log, TOPIC, "feed")
        found = await whole(log, next(one for one in pile.letters if one.letter_offset == letter.offset))
    assert found is not None
    assert found.value == poison


async def test_the_largest_event_that_an_outbox_takes_fits_its_topic(probe: TopicProbe) -> None:
    """Else it would block its shard for ever."""
    topic = WordlistChangedV1.topic
    largest = b"x" * (topics()[topic].max_bytes - RECORD_OVERHEAD)
    assert len(largest) + RECORD_OVERHEAD == LARGEST_RECORD  # no contract allows more

    assert await probe.producer.send_each([(topic, str(new_id()), largest, [("note", b"x" * 1_000)])], timeout=30) == [
        True
    ]


async def test_what_no_topic_takes_is_told_as_such_and_the_next_record_arrives(probe: TopicProbe) -> None:
    event = change()

    with pytest.raises(RecordTooLarge):
        await probe.producer.send(TOPIC, b"key", b"x" * 2 * LARGEST_RECORD, [])
    await probe.publish(event)

    await probe.wait_for(SettingsChangedV1, lambda one: one.event_id == event.event_id)
