"""Budgets in Redis: atomic counters by the `limits` library, and the conversion counts of the pumping guard.

Names of people never become keys: they are digests under a secret. Without Redis nothing is sent (fails closed).
"""

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

from limits import RateLimitItem, parse_many
from limits.aio.storage import MovingWindowSupport
from limits.aio.strategies import MovingWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter
from redis.exceptions import RedisClusterException, RedisError

from daira_auth.domain.limits import Profile, is_pumped
from daira_auth.errors import SendLimitReached
from daira_auth.metrics import REFUSALS
from daira_kit.clock import now
from daira_kit.errors import Unavailable
from daira_stores.redis import AnyRedis

GUARD_BUCKET_SECONDS = 600
GUARD_BUCKETS = 6


class BudgetsUnavailable(Unavailable):
    """Log-in waits for its counters. Try again shortly."""

    code = "limits_unavailable"


class Budgets:
    """Counts callers, numbers and piastres against one profile."""

    def __init__(
        self, redis: AnyRedis, storage: MovingWindowSupport, profile: Profile, secret: bytes, prefix: str
    ) -> None:
        """`prefix` keeps services and tests apart on one server."""
        self._redis, self._profile, self._secret, self._prefix = redis, profile, secret, prefix
        self._exact = MovingWindowRateLimiter(storage)  # type: ignore[arg-type]
        self._sums = SlidingWindowCounterRateLimiter(storage)  # type: ignore[arg-type]
        self._rates: dict[str, list[RateLimitItem]] = {
            scope: parse_many(";".join(part.strip() for part in rates.split(";")))
            for scope, rates in profile.rates.items()
        }

    async def spend(self, scopes: tuple[tuple[str, str], ...], cost: int = 1) -> None:
        """Count `cost` for each (scope, whom), in order.

        Raises SendLimitReached at the first that has no room, BudgetsUnavailable without Redis.
        """
        async with _fails_closed():
            for scope, whom in scopes:
                limiter = self._sums if scope.startswith("cost.") else self._exact
                for item in self._rates[scope]:
                    await self._hit(limiter, item, scope, self._digest(whom), cost)

    async def open_send(self, prefix: str) -> None:
        """Count one send to `prefix` for the pumping guard; raises SendLimitReached when the prefix is stopped."""
        async with _fails_closed():
            bucket = int(now().timestamp()) // GUARD_BUCKET_SECONDS
            sends, verified = await self._count(prefix, bucket, "sends", 1)
            if is_pumped(self._profile, sends - 1, verified):
                await self._redis.hincrby(self._guard_key(prefix, bucket), "sends", -1)
                REFUSALS.labels("guard").inc()
                raise SendLimitReached(GUARD_BUCKET_SECONDS, self._profile.guard_sends)

    async def note_verified(self, prefix: str) -> None:
        """A send to `prefix` led to a log-in."""
        async with _fails_closed():
            await self._count(prefix, int(now().timestamp()) // GUARD_BUCKET_SECONDS, "verified", 1)

    async def _hit(self, limiter: RateLimiter, item: RateLimitItem, scope: str, whom: str, cost: int) -> None:
        if not await limiter.hit(item, scope, whom, cost=cost):
            stats = await limiter.get_window_stats(item, scope, whom)
            REFUSALS.labels(scope).inc()
            raise SendLimitReached(_seconds_until(stats.reset_time), item.amount)

    async def _count(self, prefix: str, bucket: int, field: str, amount: int) -> tuple[int, int]:
        pipe = self._redis.pipeline(transaction=False)
        current = self._guard_key(prefix, bucket)
        pipe.hincrby(current, field, amount)
        pipe.expire(current, GUARD_BUCKET_SECONDS * (GUARD_BUCKETS + 1))
        for age in range(GUARD_BUCKETS):
            pipe.hmget(self._guard_key(prefix, bucket - age), ["sends", "verified"])
        rows = (await pipe.execute())[2:]
        return sum(int(row[0] or 0) for row in rows), sum(int(row[1] or 0) for row in rows)

    def _guard_key(self, prefix: str, bucket: int) -> str:
        return f"{self._prefix}guard:{{{prefix}}}:{bucket}"

    def _digest(self, whom: str) -> str:
        return hmac.new(self._secret, whom.encode(), sha256).hexdigest()[:32]


def _seconds_until(epoch: float) -> int:
    return int(epoch - now().timestamp()) + 1


@asynccontextmanager
async def _fails_closed() -> AsyncIterator[None]:
    try:
        yield
    except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
        raise BudgetsUnavailable from error
