"""How far a process is locked in; each level includes the ones below it."""

from enum import IntEnum


class Level(IntEnum):
    """Measured, never assumed."""

    NONE = 0
    LIMITED = 1
    """Memory, CPU, file size and descriptors are capped; privileges cannot be gained."""
    FILTERED = 2
    """System calls for sockets, other processes and other programs are refused."""
    CONFINED = 3
    """Only the input can be read and only the output folder written."""
    ISOLATED = 4
    """It has its own user, network and IPC namespaces."""
