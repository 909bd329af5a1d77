"""Is it ready? Each probe speaks the store's own protocol; a port that merely listens is not an answer."""

import asyncio
import struct
from collections.abc import Awaitable, Callable

import psycopg

HOST = "127.0.0.1"
ANSWER_SECONDS = 3.0
KAFKA_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)
CQL_OPTIONS = bytes((4, 0, 0, 0, 5, 0, 0, 0, 0))
CQL_SUPPORTED = 6


async def postgres(port: int) -> bool:
    """A session that answers a query."""
    connection = await psycopg.AsyncConnection.connect(
        host=HOST, port=port, user="daira", dbname="postgres", connect_timeout=3
    )
    async with connection:
        await connection.execute("SELECT 1")
    return True


async def redis(port: int) -> bool:
    """PONG, not -LOADING."""
    return (await _exchange(port, b"PING\r\n", 7)) == b"+PONG\r\n"


async def kafka(port: int) -> bool:
    """The broker answers ApiVersions only once it is unfenced."""
    answer = await _exchange(port, KAFKA_API_VERSIONS, 10)
    return answer[8:10] == b"\x00\x00"


async def cql(port: int) -> bool:
    """SUPPORTED in answer to OPTIONS; the native transport is the last thing a node opens."""
    answer = await _exchange(port, CQL_OPTIONS, 9)
    return answer[4] == CQL_SUPPORTED


async def http(port: int, path: str) -> bool:
    """A 200 at that path."""
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n"
    return (await _exchange(port, request.encode(), 12)).endswith(b" 200")


PROBES: dict[str, Callable[..., Awaitable[bool]]] = {
    "postgres": postgres,
    "redis": redis,
    "kafka": kafka,
    "cql": cql,
    "http": http,
}


async def is_ready(kind: str, port: int, *arguments: str) -> bool:
    """One attempt, bounded in time; any refusal is simply "not yet"."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await PROBES[kind](port, *arguments)
    except (OSError, TimeoutError, asyncio.IncompleteReadError, psycopg.Error, IndexError):
        return False


async def _exchange(port: int, request: bytes, length: int) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(request)
        return await reader.readexactly(length)
    finally:
        writer.close()
