"""What `python -m daira_devtools.stack` tells a person."""

import shutil
from pathlib import Path

import pytest

from daira_devtools.stack import __main__ as command
from daira_devtools.stack import place, table
from daira_devtools.stack.addresses import of
from daira_devtools.stack.stack import Stack

UP = ("up", "--name", "t")
ADDRESSES = of(table.load(), 8080)


@pytest.fixture(autouse=True)
def somebody_elses_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stack of somebody else `up` has nothing to start and says only where it is."""
    lines = [
        *(f'{name} = "{getattr(ADDRESSES, name)}"' for name in TEXTS),
        f"cql_port = {ADDRESSES.cql_port}",
        "[services]",
        *(f'{name} = "{url}"' for name, url in ADDRESSES.services.items()),
    ]
    (tmp_path / "stack.toml").write_text("\n".join(lines))
    monkeypatch.setenv("DAIRA_STACK", "external")
    monkeypatch.setenv("DAIRA_STACK_FILE", str(tmp_path / "stack.toml"))
    monkeypatch.setattr(command, "_named", lambda _: named(tmp_path))


TEXTS = [name for name in ADDRESSES.__struct_fields__ if isinstance(getattr(ADDRESSES, name), str)]


def named(folder: Path) -> Stack:
    return Stack(place.StackFolder("t", folder), table.load(), command.console.print)


def test_up_tells_pages_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        command.main(UP)

    told = capsys.readouterr().out
    assert "http://127.0.0.1:8080/preview" in told
    assert "http://127.0.0.1:8080/v1/sandbox/messages?phoneNumber=%2B201000000102" in told
    assert "/admin" not in told


def test_an_interruption_after_the_start_does_not_claim_that_anything_was_stopped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_show_urls", interrupted)

    assert command.main(UP) == 130
    assert capsys.readouterr().out.splitlines()[-1] == "interrupted: the stack t is up all the same"


def test_an_interruption_of_the_start_says_that_it_was_undone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Stack, "up", interrupted)

    assert command.main(UP) == 130
    assert capsys.readouterr().out == "interrupted: everything this command had started is stopped\n"


def test_programs_that_the_tests_want_are_told_before_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    echo = shutil.which("echo")
    assert echo is not None
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SystemExit, match="0"):
        command.main(("during", "--name", "t", "--wants", "chromium", "--wants", "kcat", "--", echo, "tests"))

    told = capsys.readouterr().out.splitlines()
    assert told[:2] == [
        "warning: chromium is missing: Chromium: `apt-get install chromium`; what needs it will fail",
        "warning: kcat is missing: kcat: `apt-get install kcat`; what needs it will fail",
    ]
