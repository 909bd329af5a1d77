"""Strimzi manifests: a KafkaTopic for every topic, a KafkaUser with the narrowest rights for every service.

And one for operators: the command `daira` reads everything, writes what only it tells, and moves groups.
"""

from collections.abc import Iterable
from typing import Any

import yaml

from daira_contracts.admin import OperatorActedV1
from daira_contracts.topics import Topic, TopicSpec, dead_letter_name, grouped_consumers

HEAD = "# Generated from contracts/topics/ by `make contracts`; do not edit.\n"
API = "kafka.strimzi.io/v1beta2"
LABELS = {"strimzi.io/cluster": "daira", "app.kubernetes.io/part-of": "daira"}

Manifest = dict[str, Any]


def render_topics(topics: Iterable[Topic]) -> str:
    specs: list[TopicSpec] = []
    for topic in sorted(topics, key=lambda one: one.topic):
        specs.append(topic.spec())
        specs.extend(topic.dead_letters(service) for service in grouped_consumers(topic))
    return _documents(_topic(spec) for spec in specs)


def render_users(topics: Iterable[Topic]) -> str:
    listed = sorted(topics, key=lambda topic: topic.topic)
    services = sorted({name for topic in listed for name in (*topic.producers, *topic.consumers)})
    return _documents([*(_user(service, listed) for service in services), _operator(listed)])


def _documents(manifests: Iterable[Manifest]) -> str:
    return HEAD + yaml.safe_dump_all(manifests, sort_keys=False, width=110)


def _topic(spec: TopicSpec) -> Manifest:
    return {
        "apiVersion": API,
        "kind": "KafkaTopic",
        "metadata": {"name": spec.name, "labels": LABELS},
        "spec": {
            "topicName": spec.name,
            "partitions": spec.partitions,
            "replicas": 3,
            "config": spec.config | {"min.insync.replicas": "2"},
        },
    }


def _user(service: str, topics: list[Topic]) -> Manifest:
    acls = [_group(service), _fence(service)]
    for topic in topics:
        if service in topic.producers:
            acls.append(_rule(topic.topic, "Write", "Describe"))
        if service in topic.consumers:
            acls.append(_rule(topic.topic, "Read", "Describe"))
        if service in grouped_consumers(topic):
            # Writes what it could not handle, reads it again when an operator redrives it.
            acls.append(_rule(dead_letter_name(topic.topic, service), "Read", "Write", "Describe"))
    return _kafka_user(service, acls)


def _operator(topics: list[Topic]) -> Manifest:
    dead = [dead_letter_name(topic.topic, service) for topic in topics for service in grouped_consumers(topic)]
    return _kafka_user(
        "operator",
        [
            # `topics apply` creates and configures; nothing here may delete a topic or write another's facts.
            _rule("*", "Read", "Describe", "DescribeConfigs", "Create", "AlterConfigs"),
            _rule(OperatorActedV1.topic, "Write"),
            *(_rule(name, "Write") for name in dead),
            {"resource": {"type": "group", "name": "*", "patternType": "literal"}, **_may("Read", "Describe")},
            {"resource": {"type": "cluster"}, **_may("Describe")},
        ],
    )


def _kafka_user(name: str, acls: list[Manifest]) -> Manifest:
    return {
        "apiVersion": API,
        "kind": "KafkaUser",
        "metadata": {"name": f"daira-{name}", "labels": LABELS},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": acls},
        },
    }


def _rule(topic: str, *operations: str) -> Manifest:
    resource = {"type": "topic", "name": topic, "patternType": "literal"}
    return {"resource": resource, **_may(*operations)}


def _may(*operations: str) -> Manifest:
    return {"operations": list(operations), "host": "*"}


def _group(service: str) -> Manifest:
    resource = {"type": "group", "name": f"daira.{service}", "patternType": "literal"}
    return {"resource": resource, **_may("Read")}


def _fence(service: str) -> Manifest:
    """Of its relay's producers only the newest may send."""
    resource = {"type": "transactionalId", "name": f"daira.{service}.relay.", "patternType": "prefix"}
    return {"resource": resource, **_may("Write", "Describe")}
