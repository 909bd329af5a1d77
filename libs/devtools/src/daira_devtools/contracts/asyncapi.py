"""asyncapi.yaml (3.0): the same facts in the form that other people's tools read."""

from collections.abc import Iterable
from typing import Any

import yaml

from daira_contracts.registry import EVENTS
from daira_contracts.topics import Topic, kafka_config

HEAD = "# Generated from topics/ and the structs by `make contracts`; do not edit.\n"


def render(topics: Iterable[Topic]) -> str:
    listed = sorted(topics, key=lambda topic: topic.topic)
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "DAIRA events",
            "version": "1.0.0",
            "description": "What DAIRA's services tell each other. JSON values, CloudEvents 1.0 binary headers.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.topic: _channel(topic) for topic in listed},
        "operations": {name: operation for topic in listed for name, operation in _operations(topic)},
        "components": {
            "messages": {EVENTS[topic.topic].__name__: _message(topic) for topic in listed},
            "schemas": {"CloudEventHeaders": _headers()},
        },
    }
    return HEAD + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


def _channel(topic: Topic) -> dict[str, Any]:
    name = EVENTS[topic.topic].__name__
    config = kafka_config(topic.retention, topic.max_bytes)
    return {
        "address": topic.topic,
        "description": topic.description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {
            "kafka": {
                "topic": topic.topic,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": [config["cleanup.policy"]],
                    "retention.ms": int(config["retention.ms"]),
                    "max.message.bytes": int(config["max.message.bytes"]),
                },
            }
        },
        "x-kind": topic.kind.value,
        "x-owner": topic.owner,
        "x-pii": topic.pii.value,
    }


def _operations(topic: Topic) -> Iterable[tuple[str, dict[str, Any]]]:
    reference = {"$ref": f"#/channels/{topic.topic}"}
    for service in topic.producers:
        yield f"{service}.tells.{topic.topic}", {"action": "send", "channel": reference}
    for service in topic.consumers:
        yield f"{service}.hears.{topic.topic}", {"action": "receive", "channel": reference}


def _message(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.topic,
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
        "payload": {"$ref": f"./schemas/{topic.topic}.json"},
        "bindings": {"kafka": {"key": {"type": "string", "description": ":".join(topic.key)}}},
    }


def _headers() -> dict[str, Any]:
    text = {"type": "string"}
    names = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type")
    return {
        "type": "object",
        "required": ["ce_id", "ce_type", "ce_source", "ce_time"],
        "properties": {**{name: text for name in names}, "traceparent": text},
    }
