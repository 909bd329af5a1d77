"""A port somebody else holds is found before anything is started."""

import socket
from collections.abc import Mapping

from daira_devtools.stack.errors import StackError
from daira_devtools.stack.table import Process, Table


def require_free(table: Table, rows: Mapping[str, Process], base: int) -> None:
    """Raises `StackError` naming every port that is taken."""
    taken = [
        f"{base + offset} ({name} {port})"
        for name, row in rows.items()
        for port, offset in row.ports.items()
        if is_taken(table.host, base + offset)
    ]
    if taken:
        raise StackError(f"ports taken by something this stack did not start: {', '.join(taken)}")


def is_taken(host: str, port: int) -> bool:
    """Whether nobody could listen there now; connections that linger in TIME_WAIT do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
