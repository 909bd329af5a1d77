"""Topics are created from the contracts' files on a real broker, and a second time nothing is left to do."""

import secrets
from collections.abc import AsyncIterator

import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.new_partitions import NewPartitions

from daira_bus.topics import apply, remove_all
from daira_contracts.topics import declared_specs
from daira_devtools.stack import Endpoints
from daira_testing.waiting import eventually

TOPIC = "video.video-changed.v1"


@pytest_asyncio.fixture(loop_scope="session")
async def prefix(stack: Endpoints) -> AsyncIterator[str]:
    """Names of this test alone."""
    made = f"t{secrets.token_hex(4)}."
    yield made
    await remove_all(stack.kafka_bootstrap, made)


async def settled(bootstrap: str, prefix: str) -> None:
    """The broker tells of new topics and settings a moment after it accepted them."""

    async def quiet() -> bool:
        planned = await apply(bootstrap, prefix)
        return not planned.create and not planned.configure

    assert await eventually(quiet, every=0.2)


async def test_every_topic_and_dead_letter_topic_of_the_files_is_created_once(stack: Endpoints, prefix: str) -> None:
    planned = await apply(stack.kafka_bootstrap, prefix)

    assert {spec.name for spec in planned.create} == {spec.name for spec in declared_specs(prefix)}
    await settled(stack.kafka_bootstrap, prefix)


async def own_settings(bootstrap: str, topic: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    await admin.close()
    return {entry[0]: entry[1] for entry in answer.resources[0][4]}


async def test_a_setting_changed_by_hand_is_put_right_and_one_not_in_the_file_stays(
    stack: Endpoints, prefix: str
) -> None:
    await apply(stack.kafka_bootstrap, prefix)
    await settled(stack.kafka_bootstrap, prefix)
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)
    await admin.start()
    wrong = ConfigResource(
        ConfigResourceType.TOPIC, prefix + TOPIC, configs={"cleanup.policy": "delete", "segment.bytes": "8388608"}
    )
    await admin.alter_configs([wrong])
    await admin.close()

    async def noticed() -> bool:
        planned = await apply(stack.kafka_bootstrap, prefix)
        return [spec.name for spec in planned.configure] == [prefix + TOPIC]

    assert await eventually(noticed, every=0.2)
    await settled(stack.kafka_bootstrap, prefix)
    settings = await own_settings(stack.kafka_bootstrap, prefix + TOPIC)
    assert (settings["cleanup.policy"], settings["segment.bytes"]) == ("compact", "8388608")


async def test_another_number_of_partitions_is_refused_and_left_alone(stack: Endpoints, prefix: str) -> None:
    await apply(stack.kafka_bootstrap, prefix)
    await settled(stack.kafka_bootstrap, prefix)
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)
    await admin.start()
    await admin.create_partitions({prefix + TOPIC: NewPartitions(total_count=9)})
    await admin.close()

    async def refused() -> bool:
        planned = await apply(stack.kafka_bootstrap, prefix)
        return any("has 9 partitions" in reason for reason in planned.refused)

    assert await eventually(refused, every=0.2)
