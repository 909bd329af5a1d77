"""What a person asks the contracts for."""

import pytest

from daira_contracts.topics import topics
from daira_devtools.contracts.__main__ import main


def test_the_list_has_a_line_for_every_topic(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ls"]) == 0

    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(topics())


def test_a_topic_is_shown_with_its_fields_its_erasure_and_its_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "feed.post-changed.v1"]) == 0

    shown = capsys.readouterr().out
    assert "| hashtags | list of string | since later |" in shown
    assert "Erasure:" in shown
    assert "published_video_post:" in shown


def test_a_misspelt_topic_is_answered_with_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "feed.post-change.v1"]) == 1

    assert "did you mean feed.post-changed.v1?" in capsys.readouterr().err


def test_the_tree_as_it_stands_has_no_stale_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drift"]) == 0

    assert f"0 stale files, {len(topics())} topics" in capsys.readouterr().out
