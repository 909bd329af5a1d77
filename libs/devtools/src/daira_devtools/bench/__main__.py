"""`make bench`: every bench script in turn; prints a table and writes .bench/results.jsonl."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from daira_devtools.bench.figures import Figure
from daira_devtools.bench.running import Failed, run
from daira_devtools.root import checkout_root


def main() -> int:
    """Exit code 1 when a bench could not run or a figure clearly misses its bar.

    One that is still noisy after the repeats, or has no bar, is shown as such and decides nothing.
    """
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="only benches whose path contains one of these words")
    names = parser.parse_args().names
    root = checkout_root()
    chosen = [script for script in scripts(root) if not names or any(name in str(script) for name in names)]
    figures, failed = measure(chosen, root, root / ".bench" / "results.jsonl")
    show(figures, failed)
    return 1 if failed or any(figure.fails for figure in figures) else 0


def scripts(root: Path) -> Iterator[Path]:
    """All bench scripts, in a stable order."""
    for pattern in ("libs/*/bench/bench_*.py", "services/*/bench/bench_*.py"):
        yield from sorted(root.glob(pattern))


def measure(scripts: list[Path], root: Path, results: Path) -> tuple[list[Figure], list[Failed]]:
    """Run each; `results` begins anew and holds, after each script, what is known so far."""
    figures: list[Figure] = []
    failed: list[Failed] = []
    results.parent.mkdir(exist_ok=True)
    with results.open("wb", buffering=0) as out:
        for script in scripts:
            outcome = run(script, root)
            lines: list[Figure] | list[Failed]
            if isinstance(outcome, Failed):
                failed.append(outcome)
                lines = [outcome]
            else:
                figures += outcome
                lines = outcome
            out.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return figures, failed


def show(figures: list[Figure], failed: list[Failed]) -> None:
    """The table people read."""
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    table = Table("path", "metric", "ours", "peer", "ratio", "bar", "holds", "note", box=None, pad_edge=False)
    for one in figures:
        sign = "≥" if one.higher_is_better else "≤"
        table.add_row(
            one.path,
            one.metric,
            f"{one.ours:g}",
            f"{one.peer:g}" if one.peer else "",
            f"{one.ratio:.2f}" if one.peer else "",
            "" if one.bar is None else f"{sign} {one.bar:g}",
            word_of(one),
            one.note,
        )
    console.print(table)
    for script in failed:
        console.print(f"could not run: {script.path}: {script.error}")


def word_of(figure: Figure) -> str:
    """What a figure says about its bar."""
    if figure.bar is None:
        return "reported"
    if figure.noisy:
        return "yes (noisy)" if figure.holds else "too noisy"
    return "yes" if figure.holds else "NO"


if __name__ == "__main__":
    sys.exit(main())
