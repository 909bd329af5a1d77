"""`daira topics`: a broker brought in line with the contracts, and never a topic lost."""

import secrets
from collections.abc import AsyncIterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from daira_bus import topics as broker
from daira_cli.exits import Exit
from daira_contracts.topics import declared_specs
from daira_devtools.stack import Endpoints
from daira_testing.command import Said, say
from daira_testing.waiting import eventually

TOPIC = "user.settings-changed.v1"


class Broker:
    """The run's broker, with a prefix that nothing was made under yet."""

    def __init__(self, bootstrap: str, admin: AIOKafkaAdminClient) -> None:
        self.bootstrap, self.prefix, self.admin = bootstrap, f"p{secrets.token_hex(4)}.", admin

    async def daira(self, *words: object) -> Said:
        return await say("topics", *words, "--bootstrap", self.bootstrap, "--prefix", self.prefix)

    async def names(self) -> list[str]:
        return sorted(name for name in await self.admin.list_topics() if name.startswith(self.prefix))


@pytest.fixture
async def fresh(stack: Endpoints) -> AsyncIterator[Broker]:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)
    await admin.start()
    made = Broker(stack.kafka_bootstrap, admin)
    yield made
    await broker.remove_all(stack.kafka_bootstrap, made.prefix)
    await admin.close()


async def test_plan_and_dry_run_tell_what_is_missing_and_make_nothing(fresh: Broker) -> None:
    plan, dry = await fresh.daira("plan"), await fresh.daira("apply", "--dry-run", "--json")

    wanted = {spec.name for spec in declared_specs(fresh.prefix)}
    assert plan.code == Exit.FOUND
    assert {line.split()[1] for line in plan.out.splitlines() if line.startswith("create")} == wanted
    assert {spec["name"] for spec in dry.json["create"]} == wanted
    assert await fresh.names() == []


async def test_apply_asks_first(fresh: Broker) -> None:
    said = await fresh.daira("apply")

    assert (said.code, "[not_confirmed]" in said.err) == (Exit.REFUSED, True)
    assert await fresh.names() == []


async def test_apply_makes_every_topic_once_mends_settings_and_refuses_another_partition_count(fresh: Broker) -> None:
    first, second = await fresh.daira("apply", "--yes"), await fresh.daira("apply", "--yes", "--json")
    assert (first.code, second.code) == (Exit.OK, Exit.OK)
    assert second.json == {"create": [], "configure": [], "refused": []}
    assert await fresh.names() == sorted(spec.name for spec in declared_specs(fresh.prefix))
    name = fresh.prefix + TOPIC
    await fresh.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": "2048"})])
    await fresh.admin.create_partitions({name: NewPartitions(12)})

    async def seen_by_the_broker() -> str | None:
        out = (await fresh.daira("plan")).out
        return out if f"change   {name}" in out and "the order of a key would break" in out else None

    assert await eventually(seen_by_the_broker)
    mended = await fresh.daira("apply", "--yes", "--json")

    async def nothing_to_change() -> bool:
        return "change   " not in (await fresh.daira("plan")).out

    await eventually(nothing_to_change)
    left = await fresh.daira("plan")
    assert [spec["name"] for spec in mended.json["configure"]] == [name]
    assert (mended.code, left.code) == (Exit.FOUND, Exit.FOUND)
