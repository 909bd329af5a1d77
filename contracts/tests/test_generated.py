"""What is generated is committed, and is what the structs and topic files say today."""

import yaml

from daira_contracts.registry import EVENTS
from daira_contracts.topics import topics
from daira_devtools.contracts.generate import drift, rendered
from daira_devtools.root import checkout_root


def test_no_generated_file_is_stale() -> None:
    assert drift(checkout_root()) == []


def test_asyncapi_lists_every_topic_with_its_writers_and_readers() -> None:
    document = yaml.safe_load(rendered()["contracts/asyncapi.yaml"])
    sends = {name for name, operation in document["operations"].items() if operation["action"] == "send"}
    receives = {name for name, operation in document["operations"].items() if operation["action"] == "receive"}

    assert document["asyncapi"] == "3.0.0"
    assert set(document["channels"]) == set(EVENTS)
    assert sends == {f"{t.owner}.tells.{t.topic}" for t in topics().values()}
    assert receives == {f"{service}.hears.{t.topic}" for t in topics().values() for service in t.consumers}


def test_a_service_may_touch_only_what_its_contracts_name() -> None:
    users = {user["metadata"]["name"]: user for user in yaml.safe_load_all(rendered()["deploy/kafka/users.yaml"])}
    rights = {
        (name.removeprefix("daira-"), acl["resource"]["name"], operation)
        for name, user in users.items()
        for acl in user["spec"]["authorization"]["acls"]
        if acl["resource"]["type"] == "topic"
        for operation in acl["operations"]
        if operation != "Describe" and ".dlq." not in acl["resource"]["name"]
    }

    writes = {(service, t.topic, "Write") for t in topics().values() for service in t.producers}
    reads = {(service, t.topic, "Read") for t in topics().values() for service in t.consumers}
    assert rights == writes | reads


def test_every_topic_and_dead_letter_topic_has_a_manifest_with_its_partitions() -> None:
    manifests = {
        one["spec"]["topicName"]: one["spec"] for one in yaml.safe_load_all(rendered()["deploy/kafka/topics.yaml"])
    }

    for topic in topics().values():
        assert manifests[topic.topic]["partitions"] == topic.partitions
        assert manifests[topic.topic]["config"]["min.insync.replicas"] == "2"
