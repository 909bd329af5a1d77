"""Call an application in process, in the test's own event loop (Litestar's test client runs a loop of its own,
in which a connection pool of the test would hang)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
from litestar import Litestar


@asynccontextmanager
async def calling(app: Litestar, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `app`; errors come back as answers, as a real client sees them."""
    transport = httpx.ASGITransport(app=cast(Any, app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield client
