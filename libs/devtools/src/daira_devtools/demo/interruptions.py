"""Ctrl-C, SIGTERM and a closed terminal while the scenario runs, which is not a coroutine."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from daira_devtools.stack.signals import INTERRUPTIONS


@contextmanager
def interruptible() -> Iterator[None]:
    """The first interruption raises KeyboardInterrupt; later ones are ignored, also after this block."""
    before = {number: signal.signal(number, _interrupt) for number in INTERRUPTIONS}
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is _interrupt:
            for number, handler in before.items():
                signal.signal(number, handler)


def ignore() -> None:
    """From now on nothing interrupts this process: it tidies up to the end."""
    for number in INTERRUPTIONS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(_number: int, _frame: Any) -> NoReturn:
    ignore()
    raise KeyboardInterrupt
