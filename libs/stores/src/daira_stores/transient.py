"""Which failures mean "a dependency is down": those are waited for, never dead-lettered."""

import asyncio
import sys

from obstore.exceptions import GenericError as ObjectStoreError
from psycopg import OperationalError

from daira_kit.errors import Unavailable
from daira_stores.failures import failure_of

_TRANSIENT: tuple[type[BaseException], ...] = (
    Unavailable,
    ObjectStoreError,
    ConnectionError,
    asyncio.TimeoutError,
)


def is_transient(error: BaseException) -> bool:
    """True when trying again later can help, or when a dependency must be mended and the work at hand is innocent."""
    if isinstance(error, OperationalError):
        return isinstance(failure_of(error), Unavailable)
    return isinstance(error, _TRANSIENT) or _is_of_redis(error)


def _is_of_redis(error: BaseException) -> bool:
    if "redis.exceptions" not in sys.modules:
        return False  # what nobody imported has raised nothing; it takes a quarter of a command's start
    from daira_stores.redis_failures import is_transient_in_redis

    return is_transient_in_redis(error)
