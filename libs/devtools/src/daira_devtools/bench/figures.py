"""One figure: ours, the peer's, their ratio and the bar."""

import sys
from collections.abc import Sequence
from statistics import median

import msgspec

TOLERANCE = 0.10
"""A median within its bar plus this share holds: the machines are noisy."""
NOISE = 0.25
"""Ratios of rounds that lie further apart than this share of their median make a run noisy."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A line of .bench/results.jsonl. `ours` and `peer` are medians in the unit named by `metric`.

    Without a `bar` a figure is only reported.
    """

    path: str
    metric: str
    ours: float
    peer: float
    ratio: float
    bar: float | None
    holds: bool
    noisy: bool = False
    rounds: int = 1
    higher_is_better: bool = False
    note: str = ""

    @property
    def fails(self) -> bool:
        """A miss that means something: what is still noisy after the repeats is shown and decides nothing."""
        return not self.holds and not self.noisy


def compare(
    path: str,
    metric: str,
    ours: Sequence[float],
    peer: Sequence[float],
    *,
    bar: float | None,
    higher_is_better: bool = False,
    note: str = "",
) -> Figure:
    """`ours[i]` and `peer[i]` come from the same round; the ratio is the median of the rounds' ratios."""
    ratios = [mine / other for mine, other in zip(ours, peer, strict=True)]
    ratio = median(ratios)
    if bar is None:
        holds = True
    else:
        holds = ratio >= bar * (1 - TOLERANCE) if higher_is_better else ratio <= bar * (1 + TOLERANCE)
    noisy = len(ratios) > 1 and max(ratios) - min(ratios) > NOISE * ratio
    return Figure(
        path=path,
        metric=metric,
        ours=round(median(ours), 6),
        peer=round(median(peer), 6),
        ratio=round(ratio, 3),
        bar=bar,
        holds=holds,
        noisy=noisy,
        rounds=len(ratios),
        higher_is_better=higher_is_better,
        note=note,
    )


def limit(path: str, metric: str, value: float, *, most: float, note: str = "") -> Figure:
    """What is measured against an absolute bound, such as 180 MB: `peer` is the bound."""
    return _bounded(path, metric, value, most, holds=value <= most * (1 + TOLERANCE), note=note)


def count(path: str, metric: str, value: float, *, most: float, note: str = "") -> Figure:
    """What is counted, such as round trips or database calls: machines are noisy, counts are not."""
    return _bounded(path, metric, value, most, holds=value <= most, note=note)


def report(path: str, metric: str, value: float, *, note: str = "") -> Figure:
    """A value without any bound."""
    return Figure(path=path, metric=metric, ours=round(value, 6), peer=0, ratio=0, bar=None, holds=True, note=note)


def _bounded(path: str, metric: str, value: float, most: float, *, holds: bool, note: str) -> Figure:
    ratio = value / most if most else (0.0 if value == 0 else float("inf"))
    return Figure(
        path=path,
        metric=metric,
        ours=round(value, 6),
        peer=most,
        ratio=round(ratio, 3),
        bar=1.0,
        holds=holds,
        note=note,
    )


def tell(figure: Figure) -> None:
    """Print it for the runner: one JSON line on standard output."""
    sys.stdout.write(msgspec.json.encode(figure).decode() + "\n")
    sys.stdout.flush()
