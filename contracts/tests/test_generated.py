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


def topic_rights() -> set[tuple[str, str, str]]:
    """(user, topic, operation) of all rights but to describe."""
    users = {user["metadata"]["name"]: user for user in yaml.safe_load_all(rendered()["deploy/kafka/users.yaml"])}
    return {
        (name.removeprefix("daira-"), acl["resource"]["name"], operation)
        for name, user in users.items()
        for acl in user["spec"]["authorization"]["acls"]
        if acl["resource"]["type"] == "topic"
        for operation in acl["operations"]
        if operation != "Describe"
    }


def test_a_service_may_touch_only_what_its_contracts_name() -> None:
    rights = {right for right in topic_rights() if right[0] != "operator" and ".dlq." not in right[1]}

    writes = {(service, t.topic, "Write") for t in topics().values() for service in t.producers}
    reads = {(service, t.topic, "Read") for t in topics().values() for service in t.consumers}
    assert rights == writes | reads


def test_an_operator_reads_everything_and_writes_only_to_the_audit_and_the_dead_letters() -> None:
    rights = {right[1:] for right in topic_rights() if right[0] == "operator"}
    written = {topic for topic, operation in rights if operation == "Write"}

    assert ("*", "Read") in rights
    assert {topic for topic in written if ".dlq." not in topic} == {"admin.operator-acted.v1"}
    assert "Delete" not in {operation for _, operation in rights}


def test_every_topic_and_dead_letter_topic_has_a_manifest_with_its_partitions() -> None:
    manifests = {
        one["spec"]["topicName"]: one["spec"] for one in yaml.safe_load_all(rendered()["deploy/kafka/topics.yaml"])
    }

    for topic in topics().values():
        assert manifests[topic.topic]["partitions"] == topic.partitions
        assert manifests[topic.topic]["config"]["min.insync.replicas"] == "2"
