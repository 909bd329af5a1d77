"""Stands around every call of a handler: counts tries, stops a debugger, and ends waits that nothing can end here."""

import dis
import inspect
import pdb
import sys
from bdb import BdbQuit
from collections.abc import Sequence
from typing import Any

from daira_bus.errors import Poison
from daira_cli.run.wall import Wall
from daira_runtime.replay import Handling
from daira_stores.transient import is_transient

MOST_WAITS = 3


class Blocked(Poison):
    """The handler waits for something that does not answer here."""

    code = "blocked"


class Left(BaseException):
    """Somebody left the debugger: the record's transaction is rolled back and the run ends."""


class Watch:
    """The `around` of a replay; `begin` is called before each record."""

    def __init__(
        self,
        *,
        break_on: int | None = None,
        post_mortem: bool = False,
        patient: bool = False,
        wall: Wall | None = None,
    ) -> None:
        """`break_on`: the dump's line at which to stop; `post_mortem`: stop where a handler fails.

        `patient`: wait for what does not answer, as the live consumer does. `wall`: what stands around the handlers.
        """
        self._break_on, self._post_mortem, self._patient = break_on, post_mortem, patient
        self._turned_back = wall.turned_back if wall else []
        self.line = 0
        """Of the dump: that of the current record."""
        self.has_stopped = False
        """Whether the debugger stood at `break_on`."""
        self.tries = 0
        """How often the handler was called for the current record."""

    def begin(self, line: int) -> None:
        """The next record is that of `line`."""
        self.line, self.tries = line, 0

    async def __call__(self, handler: Handling, arguments: Sequence[Any]) -> None:
        """Call it. Raises Blocked in place of waiting for ever, Left, and what the handler raises."""
        self.tries += 1
        before = len(self._turned_back)
        try:
            if self.line == self._break_on and self.tries == 1:
                self.has_stopped = True
                _stop_in(handler)
            await handler(*arguments)
        except BdbQuit as quit_:
            raise Left from quit_
        except Exception as error:
            if self._post_mortem and self.tries == 1:
                _look_at(error)
            if len(self._turned_back) > before:
                raise Blocked(f"a replay does not reach {self._turned_back[-1]}") from error
            if is_transient(error) and self.tries >= MOST_WAITS and not self._patient:
                raise Blocked(f"{type(error).__name__}: {error}") from error
            raise


def _stop_in(handler: Handling) -> None:
    code = inspect.unwrap(handler).__code__
    first = next((line for _, line in dis.findlinestarts(code) if line > code.co_firstlineno), code.co_firstlineno)
    debugger = pdb.Pdb(readrc=False, nosigint=True)
    # A person wants to stand in the handler, not here.
    debugger.rcLines.extend([f"tbreak {code.co_filename}:{first}", "continue"])
    debugger.set_trace(sys._getframe(1))


def _look_at(error: BaseException) -> None:
    debugger = pdb.Pdb(readrc=False, nosigint=True)
    debugger.message(f"{type(error).__name__}: {error}")
    debugger.reset()
    debugger.interaction(None, error.__traceback__)
