"""The pins know every distribution of ours and no machine."""

from pathlib import Path

import pytest

from daira_devtools.pins import __main__ as command
from daira_devtools.pins import compile as pins
from daira_devtools.root import checkout_root


def test_every_distribution_of_the_tree_is_compiled() -> None:
    found = pins.distributions(checkout_root())

    assert {"daira-contracts", "daira-kit", "daira-devtools", "daira-auth"} <= set(found)
    assert all(name.startswith("daira-") for name in found)


def test_the_committed_pins_name_no_address_no_path_and_nothing_of_ours() -> None:
    lines = (checkout_root() / pins.PINS).read_text().splitlines()

    assert not [line for line in lines if "://" in line or line.startswith(("-", "#", "daira-"))]
    assert all("==" in line for line in lines)


def test_pins_that_lack_a_package_are_stale_and_the_difference_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / pins.PINS).write_text("attrs==26.1.0\n")
    monkeypatch.setattr(command, "checkout_root", lambda: tmp_path)
    monkeypatch.setattr(command, "compiled", lambda _root: "attrs==26.1.0\nmsgspec==0.22.0\n")

    code = command.main(["check"])

    assert code == 1
    assert "+msgspec==0.22.0" in capsys.readouterr().out


def test_a_resolver_that_refuses_is_reported_in_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / pins.PINS).write_text("")
    (tmp_path / "contracts").mkdir()
    project = '[project]\nname = "daira-contracts"\nversion = "0.1.0"\ndependencies = ["msgspec>=1", "msgspec<1"]\n'
    (tmp_path / "contracts" / "pyproject.toml").write_text(project)
    monkeypatch.setattr(command, "checkout_root", lambda: tmp_path)

    code = command.main(["check"])

    assert code == 1
    assert "msgspec" in capsys.readouterr().err
