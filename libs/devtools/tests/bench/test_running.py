import json
import time
from pathlib import Path

import pytest

from daira_devtools.bench import compare, count, limit, report
from daira_devtools.bench.__main__ import main, measure, word_of
from daira_devtools.bench.running import Failed, run

TELL = """
from daira_devtools.bench import limit, tell
tell(limit("a path", "ms", 1.0, most=2.0))
"""


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_script_that_fails_is_a_line_and_the_others_go_on(tmp_path: Path) -> None:
    broken = script(tmp_path, "bench_a.py", TELL + "raise SystemExit(3)")
    silent = script(tmp_path, "bench_b.py", "")
    sound = script(tmp_path, "bench_c.py", TELL)

    figures, failed = measure([broken, silent, sound], tmp_path, tmp_path / "out" / "results.jsonl")

    assert [figure.path for figure in figures] == ["a path"]
    assert [(one.path, one.error) for one in failed] == [
        ("bench_a.py", "exit code 3"),
        ("bench_b.py", "it told no figure"),
    ]
    lines = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert ["error" in line for line in lines] == [True, True, False]


def test_a_script_that_does_not_end_is_ended_with_all_it_started(tmp_path: Path) -> None:
    text = f"""
import subprocess, sys, time
deaf = "import signal, time; signal.signal(2, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", deaf])
open({str(tmp_path / "pids")!r}, "w").write(f"{{child.pid}}")
time.sleep(600)
"""
    outcome = run(script(tmp_path, "bench_a.py", text), tmp_path, timeout=3)

    assert isinstance(outcome, Failed)
    assert "timed out" in outcome.error
    state = Path("/proc", (tmp_path / "pids").read_text(), "stat")
    for _ in range(500):
        # Killed it is at once; gone it is when whoever inherited it looks.
        if not state.exists() or ") Z " in state.read_text():
            return
        time.sleep(0.02)
    pytest.fail("what the script started lives on")


def test_a_noisy_miss_is_measured_again_and_a_clear_one_is_not(tmp_path: Path) -> None:
    for name, ratios, runs in (("bench_noisy.py", "[5.0, 9.0]", 3), ("bench_clear.py", "[5.0, 5.1]", 1)):
        count = tmp_path / f"{name}.count"
        text = f"""
from daira_devtools.bench import compare, tell
tell(compare("a path", "ms", {ratios}, [1.0, 1.0], bar=1.0))
open({str(count)!r}, "a").write("x")
"""
        outcome = run(script(tmp_path, name, text), tmp_path)

        assert not isinstance(outcome, Failed)
        assert [figure.holds for figure in outcome] == [False]
        assert len(count.read_text()) == runs


def test_a_count_is_not_noisy_so_it_has_no_tolerance() -> None:
    assert not count("a path", "round trips", 2.01, most=2).holds
    assert count("a path", "round trips", 2, most=2).holds
    assert limit("a path", "MB", 2.01, most=2).holds


def test_what_is_noisy_or_only_reported_is_shown_as_such_and_decides_nothing() -> None:
    noisy = compare("a path", "ms", [5.0, 9.0], [1.0, 1.0], bar=1.0)
    missed = compare("a path", "ms", [5.0, 5.1], [1.0, 1.0], bar=1.0)
    reported = [compare("a path", "ms", [5.0, 5.1], [1.0, 1.0], bar=None), report("a path", "ms", 7)]

    assert [word_of(one) for one in (noisy, missed, *reported)] == ["too noisy", "NO", "reported", "reported"]
    assert [one.fails for one in (noisy, missed, *reported)] == [False, True, False, False]


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ('compare("a path", "ms", [5.0, 9.0], [1.0, 1.0], bar=1.0)', 0),
        ('compare("a path", "ms", [5.0, 5.1], [1.0, 1.0], bar=None)', 0),
        ('compare("a path", "ms", [5.0, 5.1], [1.0, 1.0], bar=1.0)', 1),
    ],
    ids=["noisy", "reported", "missed"],
)
def test_only_a_clear_miss_is_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], told: str, code: int
) -> None:
    bench = tmp_path / "libs" / "some" / "bench"
    bench.mkdir(parents=True)
    script(bench, "bench_a.py", f"from daira_devtools.bench import compare, tell\ntell({told})")
    monkeypatch.setattr("daira_devtools.bench.__main__.checkout_root", lambda: tmp_path)
    monkeypatch.setattr("sys.argv", ["bench"])

    assert main() == code
    assert "a path" in capsys.readouterr().out
