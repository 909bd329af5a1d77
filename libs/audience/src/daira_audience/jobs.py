"""Slow work of a service with URLs."""

from uuid import UUID

from daira_audience.circles import RENEW_URLS
from daira_audience.handlers import Service
from daira_bus.jobs import Job, job


async def renew_urls(claimed: Job, service: Service) -> None:
    """Uploads of a person whose circle became smaller get other URLs."""
    await service.circles.renew_urls(UUID(claimed.key))


RENEWING = job(RENEW_URLS, renew_urls, max_attempts=1000, concurrency=2)
