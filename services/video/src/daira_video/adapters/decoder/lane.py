"""One thread per rung: encoders run side by side, each single-threaded.

libx264 with threads and a rate buffer gives other bytes every time: its threads look at each other's unfinished
frames. One thread an encoder is repeatable, so a job begun again after a crash ends in the same files.
"""

import queue
import threading
from collections.abc import Callable
from typing import Any

_WAITING = 12  # frames held per rung: enough to ride out a slow picture, little enough for memory


class OutputFailed(Exception):
    """A rung could not be encoded or written. Not the source's fault; `errno` is that of the cause, if it has one."""

    def __init__(self, cause: Exception) -> None:
        self.errno = getattr(cause, "errno", None)
        super().__init__(repr(cause))


class Lane:
    """Runs calls one after another in a thread of its own; the first failure is raised by the next call."""

    def __init__(self, name: str) -> None:
        self._calls: queue.Queue[tuple[Callable[..., object], tuple[Any, ...]] | None] = queue.Queue(_WAITING)
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def do(self, call: Callable[..., object], *arguments: Any) -> None:
        """Queue a call; waits while the lane is full. Raises OutputFailed for an earlier call."""
        self._raise()
        self._calls.put((call, arguments))

    def finish(self) -> None:
        """Wait for all calls. Raises OutputFailed."""
        self._calls.put(None)
        self._thread.join()
        self._raise()

    def _raise(self) -> None:
        if self._failure is not None:
            raise OutputFailed(self._failure) from self._failure

    def _run(self) -> None:
        while (item := self._calls.get()) is not None:
            if self._failure is None:
                self._call(*item)

    def _call(self, call: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        try:
            call(*arguments)
        except Exception as failure:  # house-skip: broad-except - raised again in the thread that decodes
            self._failure = failure
