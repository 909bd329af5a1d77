"""What the files ask of a broker."""

import msgspec
import pytest

from daira_contracts.topics import Topic, declared_specs, kafka_config, plan, topics

VIDEO = "video.video-changed.v1"
ERASED = "auth.user-erased.v1"
KEYS = "auth.signing-key-changed.v1"


def test_a_topic_comes_with_the_dead_letters_of_each_of_its_consumers() -> None:
    names = [spec.name for spec in declared_specs(prefix="t1.", only=[VIDEO])]

    assert names == [f"t1.{VIDEO}", *(f"t1.{VIDEO}.dlq.{service}" for service in topics()[VIDEO].consumers)]


def test_a_broadcast_has_no_dead_letters() -> None:
    assert [spec.name for spec in declared_specs(only=[KEYS])] == [KEYS]


def test_state_is_compacted_and_never_expires() -> None:
    config = topics()[VIDEO].spec().config

    assert (config["cleanup.policy"], config["retention.ms"]) == ("compact", "-1")


def test_an_erasure_is_kept_for_ever() -> None:
    config = topics()[ERASED].spec().config

    assert (config["cleanup.policy"], config["retention.ms"]) == ("delete", "-1")


@pytest.mark.parametrize(("retention", "milliseconds"), [("1d", "86400000"), ("90d", "7776000000")])
def test_facts_are_kept_as_long_as_the_file_says(retention: str, milliseconds: str) -> None:
    assert kafka_config(retention, 1024)["retention.ms"] == milliseconds


def test_dead_letters_take_every_record_of_their_topic() -> None:
    topic: Topic = topics()[VIDEO]

    parent, letters = topic.spec().config, topic.dead_letters("feed").config

    assert int(letters["max.message.bytes"]) > int(parent["max.message.bytes"])
    assert letters["retention.ms"] == "604800000"


def test_dead_letters_of_state_that_names_people_can_be_removed_by_their_key() -> None:
    profiles, videos = topics()["user.profile-changed.v1"].dead_letters("feed"), topics()[VIDEO].dead_letters("feed")

    assert profiles.config["cleanup.policy"] == "compact,delete"
    assert profiles.config["retention.ms"] == "604800000"
    assert videos.config["cleanup.policy"] == "delete"


def test_a_plan_creates_what_is_missing_and_leaves_what_is_right() -> None:
    declared = declared_specs(only=[VIDEO])
    held = {spec.name: spec for spec in declared[1:]}

    planned = plan(declared, held)

    assert (planned.create, planned.configure, planned.refused) == ((declared[0],), (), ())


def test_a_plan_changes_settings_that_differ_and_ignores_those_not_stated() -> None:
    (spec,) = declared_specs(only=[KEYS])
    more = msgspec.structs.replace(spec, config=spec.config | {"segment.bytes": "1000"})
    other = msgspec.structs.replace(spec, config=spec.config | {"max.message.bytes": "1"})

    assert plan([spec], {KEYS: more}).configure == ()
    assert plan([spec], {KEYS: other}).configure == (spec,)


def test_a_plan_refuses_another_number_of_partitions() -> None:
    (spec,) = declared_specs(only=[KEYS])
    held = {KEYS: msgspec.structs.replace(spec, partitions=3)}

    planned = plan([spec], held)

    assert planned.create == planned.configure == ()
    assert "3 partitions and the file says 1" in planned.refused[0]
