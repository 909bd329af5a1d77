import socket

import pytest

from daira_runtime.main import RECEIVE_BYTES, listen


def test_connections_inherit_the_small_receive_buffer() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()[:2]) as client:
        accepted, _ = listener.accept()
        with accepted:
            client.sendall(b"x")
            # Linux grants twice what was asked, for its own bookkeeping.
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * RECEIVE_BYTES


def test_a_place_that_is_taken_is_an_error_at_start() -> None:
    with listen("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", listener.getsockname()[1])
