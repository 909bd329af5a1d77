"""What Redis refuses for its own sake."""

from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    TimeoutError,
    TryAgainError,
)

_TRANSIENT: tuple[type[BaseException], ...] = (
    ConnectionError,
    TimeoutError,
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
    RedisClusterException,  # no node of a cluster answers; not a RedisError
)
_SAYS = ("LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "OOM", "READONLY", "TRYAGAIN")
"""First words of refusals that are about the server: it is full, cannot save, is a replica, or moves its slots."""


def is_transient_in_redis(error: BaseException) -> bool:
    """True when Redis is down, or says that it is itself the reason."""
    return isinstance(error, _TRANSIENT) or (isinstance(error, RedisError) and str(error).startswith(_SAYS))
