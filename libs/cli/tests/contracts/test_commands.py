"""`daira contracts`: what a person asks, with no broker anywhere."""

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from daira_cli.exits import Exit
from daira_contracts.topics import topics
from daira_devtools.root import checkout_root
from daira_testing.command import Said, say

TOPIC = "feed.post-changed.v1"


async def test_the_list_has_a_line_for_every_topic_with_who_tells_and_who_hears() -> None:
    said = await say("contracts", "ls")

    head, *lines = said.out.splitlines()
    assert said.code == Exit.OK
    assert [line.split()[0] for line in lines] == list(topics())
    wanted = ("topic", "version", "owner", "told by", "heard by", "key", "partitions", "kept", "personal data")
    assert all(word in head for word in wanted)


async def test_the_list_as_json_says_the_same_of_every_topic() -> None:
    listed = (await say("contracts", "ls", "--json")).json

    assert {one["topic"]: (one["owner"], one["version"], one["partitions"]) for one in listed} == {
        name: (topic.owner, 1, topic.partitions) for name, topic in topics().items()
    }


async def test_the_list_of_one_service_has_what_it_tells_and_hears() -> None:
    listed = (await say("contracts", "ls", "--service", "feed", "--json")).json

    assert {one["topic"] for one in listed} == {
        name for name, topic in topics().items() if "feed" in (*topic.producers, *topic.consumers)
    }


async def test_a_topic_is_shown_with_fields_erasure_examples_and_what_is_compatible() -> None:
    shown = (await say("contracts", "show", TOPIC)).out

    assert [line.split() for line in shown.splitlines() if line.startswith("hashtags")] == [
        ["hashtags", "list", "of", "string", "since", "later"]
    ]
    assert "erasure: feed writes a tombstone" in shown
    assert "example published_video_post:" in shown
    assert "compatible: every record of v1, whenever written; older ones may lack" in shown


async def test_a_topic_as_json_holds_its_schema_and_its_broker_settings() -> None:
    shown = (await say("contracts", "show", TOPIC, "--json")).json

    committed = (checkout_root() / "contracts" / "schemas" / f"{TOPIC}.json").read_bytes()
    assert shown["schema"] == msgspec.json.decode(committed)
    assert shown["broker"]["cleanup.policy"] == "compact"
    assert "hashtags" in shown["compatible"]["mayLack"]


async def test_a_misspelt_topic_is_answered_with_the_nearest_one() -> None:
    said = await say("contracts", "show", "feed.post-change.v1")

    assert said.code == Exit.USAGE
    assert f"→ did you mean {TOPIC}?" in said.err


async def test_a_misspelt_service_is_answered_with_the_nearest_one_and_not_with_an_empty_list() -> None:
    said = await say("contracts", "ls", "--service", "fed")

    assert (said.code, said.out) == (Exit.USAGE, "")
    assert "→ did you mean feed?" in said.err


async def test_todays_contracts_break_nobody() -> None:
    said = await say("contracts", "check", "--base", "HEAD", "--json")

    assert (said.code, said.json["breaking"]) == (Exit.OK, 0)


async def test_a_base_that_is_neither_folder_nor_revision_is_refused() -> None:
    said = await say("contracts", "check", "--base", "v0.0.0-nobody")

    assert (said.code, "unknown_base" in said.err) == (Exit.USAGE, True)


@pytest.fixture
def renamed(tmp_path: Path) -> Path:
    """A contracts package of its own in which PostChangedV1.text is called `body`."""
    package = tmp_path / "contracts" / "src" / "daira_contracts"
    shutil.copytree(checkout_root() / "contracts" / "src" / "daira_contracts", package)
    source = (package / "feed.py").read_text()
    assert "\n    text: str" in source
    (package / "feed.py").write_text(source.replace("\n    text: str", "\n    body: str"))
    return tmp_path


def _check_with(tree: Path, *words: str) -> Said:
    """`daira contracts check` as the person who renamed the field runs it."""
    command = [sys.executable, "-m", "daira_cli", "contracts", "check", "--base", "HEAD", *words]
    where = {"PYTHONPATH": str(tree / "contracts" / "src"), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(command, cwd=checkout_root(), env=where, capture_output=True, text=True)
    return Said(done.returncode, done.stdout, done.stderr)


def test_renaming_a_field_names_the_rule_the_consumers_hit_and_the_way_to_do_it(renamed: Path) -> None:
    said = _check_with(renamed)

    assert said.code == Exit.FOUND
    assert f"BREAKS renamed: {TOPIC} text is called body now" in said.out
    assert f"hits: {', '.join(topics()[TOPIC].consumers)}" in said.out
    for step in ("feed.post-changed.v2", "class PostChangedV2(Event", "Dual write (feed)", "Cut-over", "Sunset"):
        assert step in said.out


def test_the_same_verdict_can_be_read_by_a_program(renamed: Path) -> None:
    said = _check_with(renamed, "--json")

    (change,) = [one for one in said.json["changes"] if not one["change"]["allowed"]]
    assert (change["topic"], change["change"]["rule"], change["change"]["field"]) == (TOPIC, "renamed", "text")
    assert list(said.json["recipes"]) == [TOPIC]


async def test_two_folders_are_compared_with_each_other(tmp_path: Path) -> None:
    here = checkout_root() / "contracts"
    shutil.copytree(here / "topics", tmp_path / "topics")
    shutil.copytree(here / "schemas", tmp_path / "schemas")
    shutil.copytree(here / "examples", tmp_path / "examples")
    assert (await say("contracts", "diff", here, tmp_path)).code == Exit.OK
    file = tmp_path / "topics" / f"{TOPIC}.yaml"
    file.write_text(file.read_text().replace("partitions: 6", "partitions: 12"))

    said = await say("contracts", "diff", here, tmp_path)

    assert said.code == Exit.FOUND
    assert f"BREAKS topic-fixed: {TOPIC} partitions was 6, is 12" in said.out


def test_the_recipes_shell_lines_make_the_next_version(tmp_path: Path, renamed: Path) -> None:
    """The recipe is copied and pasted, so its commands run as they are printed."""
    here = checkout_root() / "contracts"
    for folder in ("topics", "examples"):
        shutil.copytree(here / folder, tmp_path / "checkout" / "contracts" / folder)
    text = _check_with(renamed, "--json").json["recipes"][TOPIC]
    second = text.partition("\n2. ")[2].partition("\n3. ")[0].splitlines()[1:]
    commands = "\n".join(line for line in second if not line.strip().startswith("make "))

    subprocess.run(["bash", "-euc", commands], cwd=tmp_path / "checkout", check=True)

    made = (tmp_path / "checkout" / "contracts" / "topics" / "feed.post-changed.v2.yaml").read_text()
    assert "topic: feed.post-changed.v2\n" in made
    assert "consumers: []\n" in made
