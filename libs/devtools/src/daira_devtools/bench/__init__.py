"""DAIRA and a peer measured in turn in the same run; a bench is a script `*/bench/bench_*.py` that prints figures."""

from daira_devtools.bench.figures import Figure, compare, count, limit, report, tell
from daira_devtools.bench.rounds import in_turn

__all__ = ["Figure", "compare", "count", "in_turn", "limit", "report", "tell"]
