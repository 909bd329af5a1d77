"""Who is calling, as far as limits are concerned."""

from typing import Any

from litestar import Request

AnyRequest = Request[Any, Any, Any]


def address_of(request: AnyRequest, hops: int) -> str:
    """The caller's address: entry `hops` from the end of X-Forwarded-For, which the nearest proxies wrote.

    Entries further left are whatever the client made up. Without the header it is the peer.
    """
    forwarded = request.headers.get("x-forwarded-for", "")
    entries = [entry.strip() for entry in forwarded.split(",") if entry.strip()]
    if hops > 0 and len(entries) >= hops:
        return entries[-hops][:64]
    return request.client.host if request.client else "unknown"
