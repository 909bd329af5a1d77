"""What is generated from the contracts."""

import pytest

from daira_contracts.topics import topics
from daira_devtools.contracts.__main__ import main


def test_the_tree_as_it_stands_has_no_stale_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drift"]) == 0

    assert f"0 stale files, {len(topics())} topics" in capsys.readouterr().out


def test_access_rules_are_printed_for_every_service_that_has_a_topic(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["acls"]) == 0

    printed = capsys.readouterr().out
    assert all(f"name: daira-{service}" in printed for service in {topic.owner for topic in topics().values()})
