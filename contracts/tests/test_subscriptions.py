"""The topic files say who hears a topic; the services' own lists say the same."""

import importlib
import importlib.util
from types import ModuleType

import pytest

from daira_contracts.registry import EXPORTERS
from daira_contracts.topics import Kind, grouped_consumers, topics

SERVICES = ["auth", "user", "feed", "media", "interaction", "notification", "moderation", "wallet", "payments"]
SERVICES += ["admin", "video"]


def added_by_the_runtime(service: str) -> set[str]:
    """Who writes a part of an export hears the wish for it, without a handler of its own."""
    return {"user.export-requested.v1"} if service in EXPORTERS else set()


def handlers(service: str) -> ModuleType | None:
    """The service's room for what it is told; None when it listens to nothing."""
    name = f"daira_{service}.handlers"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_hears_exactly_what_the_topic_files_say(service: str) -> None:
    room = handlers(service)
    heard = {subscription.topic for subscription in room.SUBSCRIPTIONS} if room else set()
    heard |= added_by_the_runtime(service)
    declared = {topic.topic for topic in topics().values() if service in grouped_consumers(topic)}

    assert heard == declared


@pytest.mark.parametrize("service", SERVICES)
def test_a_broadcast_is_not_read_in_a_group_where_only_one_process_would_get_it(service: str) -> None:
    room = handlers(service)
    heard = {subscription.topic for subscription in room.SUBSCRIPTIONS} if room else set()

    assert not [name for name in heard if topics()[name].kind is Kind.BROADCAST]
