"""Bring a broker in line with the topic files: create and configure, never delete."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from daira_contracts.topics import Plan, TopicSpec, declared_specs, plan

SET_ON_THE_TOPIC = frozenset({1})


async def apply(bootstrap: str, prefix: str = "", replication: int = 1) -> Plan:
    """Create what is missing and return what was done; raises KafkaError."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=20_000)
    await admin.start()
    try:
        todo = plan(declared_specs(prefix), await _existing(admin))
        await _create(admin, todo, replication)
        await _configure(admin, todo)
        return todo
    finally:
        await admin.close()


async def planned(bootstrap: str, prefix: str = "") -> Plan:
    """What `apply` would do; raises KafkaError."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=20_000)
    await admin.start()
    try:
        return plan(declared_specs(prefix), await _existing(admin))
    finally:
        await admin.close()


async def remove_all(bootstrap: str, prefix: str) -> None:
    """Delete every topic with a test's prefix."""
    if not prefix:
        raise ValueError("only topics with a prefix may be removed")
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        names = [name for name in await admin.list_topics() if name.startswith(prefix)]
        if names:
            await admin.delete_topics(names)
    finally:
        await admin.close()


async def _existing(admin: AIOKafkaAdminClient) -> dict[str, TopicSpec]:
    names = [name for name in await admin.list_topics() if not name.startswith("__")]
    if not names:
        return {}
    described = await admin.describe_topics(names)
    partitions = {topic["topic"]: len(topic["partitions"]) for topic in described}
    configs = await _configs(admin, names)
    return {
        name: TopicSpec(name=name, partitions=partitions[name], config=configs.get(name, {})) for name in partitions
    }


async def _configs(
    admin: AIOKafkaAdminClient, names: list[str], sources: frozenset[int] | None = None
) -> dict[str, dict[str, str]]:
    """Settings by topic; only those from `sources` (Kafka's numbers) when given."""
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    found: dict[str, dict[str, str]] = {}
    for answer in answers:
        for resource in answer.resources:
            name, entries = resource[3], resource[4]
            found[name] = {entry[0]: entry[1] for entry in entries if sources is None or entry[3] in sources}
    return found


async def _configure(admin: AIOKafkaAdminClient, todo: Plan) -> None:
    """Kafka replaces the whole set of a topic's own settings: what others set is sent along, so that it stays."""
    if not todo.configure:
        return
    own = await _configs(admin, [spec.name for spec in todo.configure], SET_ON_THE_TOPIC)
    await admin.alter_configs(
        [
            ConfigResource(ConfigResourceType.TOPIC, spec.name, configs=own.get(spec.name, {}) | spec.config)
            for spec in todo.configure
        ]
    )


async def _create(admin: AIOKafkaAdminClient, todo: Plan, replication: int) -> None:
    if not todo.create:
        return
    response = await admin.create_topics(
        [NewTopic(spec.name, spec.partitions, replication, topic_configs=spec.config) for spec in todo.create]
    )
    for name, code, *_ in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise KafkaError(f"{name}: {error.__name__}")
