"""Who sits at this command, for marks and audits."""

import getpass
import socket


def who() -> str:
    """`user@host`, as the operating system knows them."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not be in its passwd
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
