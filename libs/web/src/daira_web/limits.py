"""Per-user and per-action limits: atomic in Redis, shared by all replicas.

The `limits` library's sliding window counter: two counts a subject, the window before weighted by what is left of it.
"""

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisClusterStorage, RedisStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.exceptions import RedisClusterException, RedisError

from daira_kit.clock import now
from daira_kit.errors import TooManyRequests, Unavailable
from daira_observe.logs import get_logger
from daira_stores.redis import reconnecting, steady

logger = get_logger(__name__)


class Limiter:
    """`fail_open=False` is for OTP and money: no counter, no service."""

    def __init__(self, storage: Storage) -> None:
        self._strategy = SlidingWindowCounterRateLimiter(storage)
        self._parsed: dict[str, RateLimitItem] = {}

    @classmethod
    def on_redis(cls, url: str) -> "Limiter":
        """`redis://…` or `redis+cluster://…`, the URL of open_redis."""
        if url.startswith("redis+cluster://"):
            return cls(RedisClusterStorage(f"async+{url}", implementation="redispy", **steady()))
        return cls(RedisStorage(f"async+{url}", implementation="redispy", **reconnecting()))

    @classmethod
    def in_memory(cls) -> "Limiter":
        """One process only."""
        return cls(MemoryStorage())

    async def hit(self, limit: str, *who: str, cost: int = 1, fail_open: bool = True) -> dict[str, str]:
        """Count one action and return the RateLimit headers.

        `limit` is such as `30/minute`; `who` names action and subject. Raises TooManyRequests with Retry-After,
        and Unavailable when Redis is down and `fail_open` is false.
        """
        item = self._parsed.get(limit) or self._parsed.setdefault(limit, parse(limit))
        try:
            allowed = await self._strategy.hit(item, *who, cost=cost)
            stats = await self._strategy.get_window_stats(item, *who)
        except (RedisError, RedisClusterException, OSError) as error:
            if fail_open:
                logger.warning("rate_limit_skipped", error=repr(error))
                return {}
            raise Unavailable("limits cannot be checked right now") from error
        wait = max(1, round(stats.reset_time - now().timestamp()))
        headers = {"RateLimit": f"limit={item.amount}, remaining={max(stats.remaining, 0)}, reset={wait}"}
        if not allowed:
            raise TooManyRequests(headers={**headers, "Retry-After": str(wait)})
        return headers
