"""Redis (Valkey): one node or a cluster, chosen by the URL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

AnyRedis: TypeAlias = Redis | RedisCluster


def reconnecting() -> dict[str, Any]:
    """Options of a client for one node: a connection that died while idle is opened anew within the same call."""
    return {
        "retry": Retry(ExponentialBackoff(cap=0.2, base=0.02), 2),
        "retry_on_error": [RedisConnectionError, RedisTimeoutError],
    }


@asynccontextmanager
async def open_redis(url: str, *, timeout: float = 2.0) -> AsyncIterator[AnyRedis]:
    """`redis://host:port/0` for one node, `redis+cluster://host:port` for a cluster. Answers are bytes.

    `timeout` bounds connecting and each answer, in seconds. Nothing is connected yet: a service starts without Redis.
    """
    client: AnyRedis
    if url.startswith("redis+cluster://"):
        client = RedisCluster.from_url(
            url.replace("redis+cluster", "redis", 1), socket_timeout=timeout, socket_connect_timeout=timeout
        )
    else:
        client = Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            **reconnecting(),
        )
    try:
        yield client
    finally:
        await client.aclose()
