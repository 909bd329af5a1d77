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


def steady() -> dict[str, Any]:
    """Options of a client for a cluster: a slot that moved is noted, and no connection closed for it.

    By default the client closes all of its connections at every fifth MOVED, also those in use by other tasks. A client
    that is new hears MOVED for its first scripts, so its first burst of requests broke itself.
    """
    return {"reinitialize_steps": 0}


@asynccontextmanager
async def open_redis(url: str, *, timeout: float = 2.0) -> AsyncIterator[AnyRedis]:
    """`redis://host:port/0` for one node, `redis+cluster://host:port` for a cluster. Answers are bytes.

    `timeout` bounds connecting and each answer, in seconds. Nothing is connected yet: a service starts without Redis.
    """
    client: AnyRedis
    if url.startswith("redis+cluster://"):
        client = RedisCluster.from_url(
            url.replace("redis+cluster", "redis", 1),
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            **steady(),
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
