"""Consumer groups seen from outside: who is in them, what they have done, and a stopped group put elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
    for_code,
)
from aiokafka.protocol.admin import DescribeGroupsRequest, DescribeGroupsRequest_v2
from aiokafka.protocol.commit import OffsetFetchRequest

from daira_bus.errors import BrokerUnavailable
from daira_kit.errors import Conflict

T = TypeVar("T")
EMPTY, DEAD = "Empty", "Dead"
# IllegalStateError: the partitions went to somebody before the request was sent.
NOT_ALONE = (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
CONNECT_SECONDS = 10.0
JOIN_SECONDS = 30.0
COMMIT_SECONDS = 10.0
SESSION_SECONDS = 6
"""A member that went without leaving is one for so long: the shortest that a broker allows by itself."""
LEAVE_SECONDS = 3.0
"""A broker that is there lets a member go at once."""

Place = tuple[str, int]
"""A topic, without the prefix, and a partition of it."""


class GroupBusy(Conflict):
    """Somebody is a member of the group."""

    code = "group_busy"


class Member(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One process of a group."""

    client_id: str
    host: str
    partitions: tuple[Place, ...]


class Group(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One group; `state` is Kafka's word: Stable, PreparingRebalance, CompletingRebalance, Empty or Dead."""

    name: str
    state: str
    members: tuple[Member, ...]

    @property
    def is_stopped(self) -> bool:
        """Nobody reads for it. A group that never was is Dead."""
        return not self.members and self.state in (EMPTY, DEAD)


class Groups:
    """The groups of one broker whose names begin with `prefix`; given and returned without it."""

    def __init__(self, admin: AIOKafkaAdminClient, prefix: str) -> None:
        self._admin, self._prefix = admin, prefix

    async def names(self) -> list[str]:
        """All of them, sorted. Raises BrokerUnavailable."""
        listed = await _answered(self._admin.list_consumer_groups())
        return sorted(name.removeprefix(self._prefix) for name, *_ in listed if name.startswith(self._prefix))

    async def describe(self, name: str) -> Group:
        """State and members. A group nobody ever used is Dead and empty. Raises BrokerUnavailable."""
        full = self._prefix + name
        node = await _answered(self._admin.find_coordinator(full))
        answer = await _answered(self._admin._client.send(node, _Describe([full])))
        error, _, state, _, _, members = answer.groups[0]
        if error:
            raise BrokerUnavailable(f"{name}: {for_code(error).__name__}")
        return Group(name=name, state=state, members=tuple(self._member(*member) for member in members))

    async def committed(self, name: str) -> dict[Place, int]:
        """The next offset to read, for each partition the group ever committed. Raises BrokerUnavailable."""
        full = self._prefix + name
        node = await _answered(self._admin.find_coordinator(full))
        # aiokafka 0.14 passes over this error itself: of a broker that still loads its groups nothing seemed committed.
        answer = await _answered(self._admin._client.send(node, OffsetFetchRequest(full, None)))
        found = [(topic, *one) for topic, partitions in answer.topics for one in partitions]
        error = next((error for error in (answer.error_code, *(one[-1] for one in found)) if error), 0)
        if error:
            raise BrokerUnavailable(f"{name}: {for_code(error).__name__}")
        return {
            (topic.removeprefix(self._prefix), partition): offset
            for topic, partition, offset, *_ in sorted(found)
            if offset >= 0 and topic.startswith(self._prefix)
        }

    def _member(self, _id: str, client_id: str, host: str, _metadata: bytes, assignment: bytes) -> Member:
        held = ConsumerProtocolMemberAssignment.decode(assignment).partitions() if assignment else []
        return Member(
            client_id=client_id,
            host=host.removeprefix("/"),
            partitions=tuple(sorted((one.topic.removeprefix(self._prefix), one.partition) for one in held)),
        )


@asynccontextmanager
async def open_groups(bootstrap: str, prefix: str = "") -> AsyncIterator[Groups]:
    """Raises BrokerUnavailable."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=15_000)
    try:
        await _answered(asyncio.wait_for(admin.start(), CONNECT_SECONDS))
        yield Groups(admin, prefix)
    finally:
        with suppress(KafkaError, OSError, TimeoutError):
            await admin.close()


class HeldGroup:
    """A group whose only member is this process: as long as it is held, nobody else reads or commits for it."""

    def __init__(self, client: AIOKafkaConsumer, prefix: str, joined: "_Joined") -> None:
        self._client, self._prefix, self._joined = client, prefix, joined

    async def put(self, offsets: Mapping[Place, int]) -> None:
        """Commit all of them, or none: the broker refuses a member that is no longer alone.

        Raises GroupBusy; BrokerUnavailable when no answer came, and then nobody knows whether it was done.
        """
        wanted = {
            TopicPartition(self._prefix + topic, partition): OffsetAndMetadata(offset, "")
            for (topic, partition), offset in offsets.items()
        }
        if self._joined.disturbed or not wanted.keys() <= self._client.assignment():
            raise GroupBusy("somebody joined the group meanwhile; nothing was changed")
        try:
            await asyncio.wait_for(self._client.commit(wanted), COMMIT_SECONDS)
        except NOT_ALONE as error:
            raise GroupBusy(f"somebody joined the group meanwhile; nothing was changed: {error!r}") from error
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailable(f"no answer to the commit: {error!r}") from error


@asynccontextmanager
async def hold(bootstrap: str, prefix: str, group: str, topics: Iterable[str], who: str) -> AsyncIterator[HeldGroup]:
    """Be the only member of a stopped group, as `who`; leave it at the end. Reads nothing.

    Raises GroupBusy when there is another member, or another comes while this one joins; BrokerUnavailable.
    """
    wanted = sorted(prefix + topic for topic in topics)
    async with open_groups(bootstrap, prefix) as groups:
        await _refuse_members(groups, group)
        client = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=prefix + group,
            client_id=who,
            enable_auto_commit=False,
            auto_offset_reset="none",
            session_timeout_ms=SESSION_SECONDS * 1_000,
            rebalance_timeout_ms=SESSION_SECONDS * 1_000,
        )
        joined = _Joined(client)
        client.subscribe(wanted, listener=joined)
        try:
            await _answered(asyncio.wait_for(client.start(), CONNECT_SECONDS))
            await _answered(asyncio.wait_for(joined.wait(), JOIN_SECONDS))
            if len((await groups.describe(group)).members) != 1:
                raise GroupBusy(f"somebody else joined {group} at the same moment; nothing was changed")
            yield HeldGroup(client, prefix, joined)
        finally:
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(client.stop(), LEAVE_SECONDS)


async def _refuse_members(groups: Groups, name: str) -> None:
    group = await groups.describe(name)
    if group.is_stopped:
        return
    who = ", ".join(sorted({f"{member.client_id} on {member.host}" for member in group.members})) or group.state
    raise GroupBusy(f"{name} is not stopped: {who}")


class _Joined(ConsumerRebalanceListener):
    """Tells when partitions came, and keeps the client from fetching any record."""

    def __init__(self, client: AIOKafkaConsumer) -> None:
        self._client, self._event = client, asyncio.Event()
        self.disturbed = False
        """Somebody came after this member had joined."""

    async def wait(self) -> None:
        await self._event.wait()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Before the first partitions come there is nothing to lose."""
        self.disturbed = self._event.is_set()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._client.pause(*assigned)
        self._event.set()


class _Describe(DescribeGroupsRequest):
    """aiokafka 0.14 reads an answer of version 3 as one of version 2, and fails: version 2 is asked."""

    def build(self, _: object) -> DescribeGroupsRequest_v2:
        return DescribeGroupsRequest_v2(self._groups)


async def _answered(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except (KafkaError, TimeoutError, OSError) as error:
        raise BrokerUnavailable(f"Kafka does not answer: {error!r}") from error
