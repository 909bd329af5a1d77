"""`make bench`: every bench script in turn; prints a table and writes .bench/results.jsonl."""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from daira_devtools.bench.figures import Figure
from daira_devtools.root import checkout_root

REPEATS = 3
TIMEOUT_SECONDS = 900


def main() -> int:
    """Exit code 1 when a bench could not run; a figure that misses its bar is shown, not hidden, and exits 1 too."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="only benches whose path contains one of these words")
    names = parser.parse_args().names
    root = checkout_root()
    results = root / ".bench" / "results.jsonl"
    results.parent.mkdir(exist_ok=True)
    figures: list[Figure] = []
    failed: list[str] = []
    for script in scripts(root):
        if names and not any(name in str(script) for name in names):
            continue
        found = run(script, root)
        figures += found
        if not found:
            failed.append(str(script.relative_to(root)))
    with results.open("wb") as out:
        out.writelines(msgspec.json.encode(figure) + b"\n" for figure in figures)
    show(figures, failed)
    return 1 if failed or not all(figure.holds for figure in figures) else 0


def scripts(root: Path) -> Iterator[Path]:
    """All bench scripts, in a stable order."""
    for pattern in ("libs/*/bench/bench_*.py", "services/*/bench/bench_*.py"):
        yield from sorted(root.glob(pattern))


def run(script: Path, root: Path) -> list[Figure]:
    """The figures of one script; a run with a noisy figure is repeated, up to REPEATS times."""
    figures: list[Figure] = []
    for attempt in range(REPEATS):
        sys.stderr.write(f"bench {script.relative_to(root)}{' again: the last run was noisy' if attempt else ''}\n")
        done = subprocess.run(
            [sys.executable, str(script)], stdout=subprocess.PIPE, timeout=TIMEOUT_SECONDS, check=False, cwd=root
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith(b"{")]
        figures = [msgspec.json.decode(line, type=Figure) for line in lines]
        if done.returncode != 0:
            sys.stderr.write(f"{script.name} ended with exit code {done.returncode}\n")
            return []
        if all(figure.holds or not figure.noisy for figure in figures):
            break
    return figures


def show(figures: list[Figure], failed: list[str]) -> None:
    """The table people read."""
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    table = Table("path", "metric", "ours", "peer", "ratio", "bar", "holds", "note", box=None, pad_edge=False)
    for one in figures:
        sign = "≥" if one.higher_is_better else "≤"
        word = "yes" if one.holds else "NO"
        table.add_row(
            one.path,
            one.metric,
            f"{one.ours:g}",
            f"{one.peer:g}",
            f"{one.ratio:.2f}",
            f"{sign} {one.bar:g}",
            word + (" (noisy)" if one.noisy else ""),
            one.note,
        )
    console.print(table)
    for name in failed:
        console.print(f"could not run: {name}")


if __name__ == "__main__":
    sys.exit(main())
