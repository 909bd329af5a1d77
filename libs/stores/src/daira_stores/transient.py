"""Which failures mean "a dependency is down": those are waited for, never dead-lettered."""

import asyncio

from obstore.exceptions import GenericError as ObjectStoreError
from psycopg import OperationalError
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from daira_kit.errors import Unavailable
from daira_stores.failures import failure_of

_TRANSIENT: tuple[type[BaseException], ...] = (
    Unavailable,
    RedisConnectionError,
    RedisTimeoutError,
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
    RedisClusterException,  # no node of a cluster answers; not a RedisError
    ObjectStoreError,
    ConnectionError,
    asyncio.TimeoutError,
)

_REDIS_SAYS = ("LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "OOM", "READONLY", "TRYAGAIN")
"""First words of refusals that are about the server: it is full, cannot save, is a replica, or moves its slots."""


def is_transient(error: BaseException) -> bool:
    """True when trying again later can help, or when a dependency must be mended and the work at hand is innocent."""
    if isinstance(error, OperationalError):
        return isinstance(failure_of(error), Unavailable)
    return isinstance(error, _TRANSIENT) or (isinstance(error, RedisError) and str(error).startswith(_REDIS_SAYS))
