"""The caches in front of the gateway, told what is not served any more.

Revoking never waits for them: a capability is dead here as soon as its row changed, and a job asks the caches to
forget what they hold of it. Without an endpoint there are no caches and nothing is asked.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol
from urllib.parse import quote

import httpx

from daira_kit.clock import now
from daira_kit.settings import CdnSettings
from daira_stores.work import Work

PURGE = "purge_cdn"
ATTEMPTS = 1000
"""With waits of at most a minute this goes on for most of a day."""
MARGIN = timedelta(seconds=2)
_PLACE = "{prefix}"
_PATIENCE = httpx.Timeout(10.0, connect=5.0)


class PurgeFailed(Exception):
    """The caches did not say that they forgot; the job tries again, each time later."""


class Cdn(Protocol):
    """Whatever keeps copies of our answers."""

    async def purge(self, prefix: str) -> None:
        """Forget everything below a path such as `/media/videos/<id>/`. Raises PurgeFailed."""


class HttpCdn:
    """One POST a prefix. `{prefix}` in the address (escaped) and in the JSON body (as it is) becomes the path."""

    def __init__(self, http: httpx.AsyncClient, *, url: str, token: str, body: str = "") -> None:
        self._http, self._url, self._body = http, url, body
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def purge(self, prefix: str) -> None:
        """2xx means forgotten; everything else is a failure."""
        headers = self._headers | ({"Content-Type": "application/json"} if self._body else {})
        try:
            answer = await self._http.post(
                self._url.replace(_PLACE, quote(prefix, safe="")),
                content=self._body.replace(_PLACE, prefix).encode(),
                headers=headers,
            )
        except httpx.HTTPError as error:
            raise PurgeFailed(type(error).__name__) from error
        if not answer.is_success:
            raise PurgeFailed(f"status {answer.status_code}")


class Purging:
    """What services ask for in the transaction that revokes, and what their job then does."""

    def __init__(self, cdn: Cdn | None = None, *, after_seconds: float = 0.0) -> None:
        """`after_seconds`: how long one of our own processes may still answer; before that a cache would refill."""
        self._cdn = cdn
        self._after = timedelta(seconds=after_seconds) + MARGIN

    async def want(self, work: Work, prefix: str) -> None:
        """Have the caches forget everything below a path."""
        if self._cdn is not None:
            await work.enqueue(PURGE, prefix, due_at=now() + self._after)

    async def run(self, prefix: str) -> None:
        """The job. Raises PurgeFailed."""
        if self._cdn is not None:
            await self._cdn.purge(prefix)


@asynccontextmanager
async def open_purging(settings: CdnSettings, *, after_seconds: float = 0.0) -> AsyncIterator[Purging]:
    """As settings say; see `Purging` for `after_seconds`."""
    url, token, body = settings.cdn_purge_url, settings.cdn_purge_token, settings.cdn_purge_body
    if not url:
        yield Purging()
        return
    async with httpx.AsyncClient(timeout=_PATIENCE, follow_redirects=False) as http:
        yield Purging(HttpCdn(http, url=url, token=token, body=body), after_seconds=after_seconds)
