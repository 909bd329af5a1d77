"""Errors that a person reads: what is wrong, under a stable code, and what to do next."""

from typing import ClassVar

from daira_cli.exits import Exit


class CommandError(Exception):
    """Ends the command with `exit`; printed as `error: message [code]` and `→ then`."""

    exit: ClassVar[Exit] = Exit.BUG
    code: ClassVar[str] = "bug"

    def __init__(self, message: str, *, then: str = "", code: str | None = None) -> None:
        """`then` says what to do next; `code` is narrower than the class's."""
        super().__init__(message)
        self.message, self.then, self.slug = message, then, code or self.code


class Usage(CommandError):
    """Something on the command line does not exist or does not fit together."""

    exit = Exit.USAGE
    code = "usage"


class Refused(CommandError):
    """It would not be safe; nothing was changed."""

    exit = Exit.REFUSED
    code = "refused"


class Down(CommandError):
    """Something this command needs does not answer."""

    exit = Exit.DOWN
    code = "down"


class LeftDebugger(CommandError):
    """Somebody looked, and had seen enough."""

    exit = Exit.INTERRUPTED
    code = "left_debugger"


class Partial(CommandError):
    """Stopped half way; `then` is the command that continues."""

    exit = Exit.PARTIAL
    code = "partial"
