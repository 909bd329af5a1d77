"""Python's cycle collector in a process that handles records by the hundred thousand, which hold no cycles."""

import gc


def spare_the_collector() -> None:
    """It looks at a hundred times as many new objects before it runs, and never again at what is there already."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
