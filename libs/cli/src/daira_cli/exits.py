"""What the exit code of every command means."""

from enum import IntEnum


class Exit(IntEnum):
    """Scripts may rely on these."""

    OK = 0
    """Done, or nothing to do."""
    FOUND = 1
    """A difference or a finding: an incompatible contract, a lagging group, a record that failed again."""
    USAGE = 2
    """The command line asks for something that does not exist."""
    REFUSED = 3
    """Not safe as things are; nothing was changed."""
    DOWN = 4
    """A dependency does not answer; nothing is known to be wrong with the request."""
    PARTIAL = 5
    """Stopped half way; the same command continues."""
    BUG = 70
    """A mistake in this command."""
    INTERRUPTED = 130
    """Ctrl-C where nothing had begun that could be continued, or a debugger that was left."""
