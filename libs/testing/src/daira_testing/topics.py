"""Look into topics and write to them as another service would."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError

from daira_bus.producer import Producer
from daira_contracts._event import Event
from daira_contracts.topics import TopicSpec, topics
from daira_testing.waiting import PATIENCE, eventually

E = TypeVar("E", bound=Event)


class TopicProbe:
    """One test run's topics: names carry `prefix`."""

    def __init__(self, bootstrap: str, prefix: str, producer: Producer) -> None:
        self.bootstrap, self.prefix, self.producer = bootstrap, prefix, producer

    async def publish(self, *events: Event) -> None:
        """As the owner's relay would."""
        await self.producer.publish(*events, timeout=10)

    async def records(self, topic: str) -> list[ConsumerRecord]:
        """Everything in a topic now, partition by partition; `topic` without the prefix."""
        name = self.prefix + topic
        client = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)
        await client.start()
        try:
            client._client.add_topic(name)
            await client._client.force_metadata_update()
            partitions = [TopicPartition(name, number) for number in sorted(client.partitions_for_topic(name) or ())]
            client.assign(partitions)
            await client.seek_to_beginning(*partitions)
            ends = await client.end_offsets(partitions)
            found: list[ConsumerRecord] = []
            while any([await client.position(partition) < end for partition, end in ends.items()]):
                for records in (await client.getmany(timeout_ms=200)).values():
                    found += records
            return found
        finally:
            await client.stop()

    async def events(self, event_type: type[E]) -> list[E]:
        """All events of a topic, tombstones and the poison of other tests left out."""
        found: list[E] = []
        for record in await self.records(event_type.topic):
            if record.value is not None:
                with suppress(msgspec.DecodeError):
                    found.append(msgspec.json.decode(record.value, type=event_type))
        return found

    async def send_oversized(self, topic: str, key: bytes, value: bytes) -> tuple[int, int]:
        """A record above the limit of its topic, which somebody raised for a while: its partition and offset."""
        spec, room = topics()[topic].spec(self.prefix), 2 * len(value)
        await self._configure(spec, {"max.message.bytes": str(room)})
        client = AIOKafkaProducer(bootstrap_servers=self.bootstrap, max_request_size=room)
        await client.start()

        async def sent() -> Any:
            with suppress(MessageSizeTooLargeError):  # the broker has not heard yet
                return await client.send_and_wait(spec.name, value, key=key)

        try:
            at = await eventually(sent)
            return at.partition, at.offset
        finally:
            await client.stop()
            await self._configure(spec, {})

    async def _configure(self, spec: TopicSpec, more: dict[str, str]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, spec.name, configs=spec.config | more)])
        finally:
            await admin.close()

    async def wait_for(self, event_type: type[E], accept: Callable[[E], bool], *, within: float = PATIENCE) -> E:
        """The newest event that `accept` likes; raises AssertionError after `within` seconds."""

        async def look() -> E | None:
            return next((event for event in reversed(await self.events(event_type)) if accept(event)), None)

        found = await eventually(look, within=within, every=0.2)
        assert found is not None
        return found
