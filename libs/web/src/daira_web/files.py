"""Bytes for whoever has the URL: one range of them (RFC 9110, 14), or the news that nothing changed.

A route finds the file (or raises NotFound) and answers `await serve(request, file)`; it is `opt=PUBLIC`, for the
capability in its path is the permission.
"""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

import msgspec
from litestar import HttpMethod, Request, Response
from litestar.response import Stream

from daira_kit.errors import DairaError

FOREVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "public, no-cache"
NOWHERE = "private, no-store"
READ = [HttpMethod.GET, HttpMethod.HEAD]
ANYWHERE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Content-Length, Content-Range, ETag",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}
_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
AnyRequest = Request[Any, Any, Any]


class RangeNotSatisfiable(DairaError):
    """The requested range lies outside the file."""

    status = 416
    code = "range_not_satisfiable"
    title = "Range not satisfiable"
    title_ar = "نطاق غير متاح"


class Span(msgspec.Struct, frozen=True):
    """Bytes from `start` up to, without, `end`."""

    start: int
    end: int


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes to be read once; `size` is that of the whole file."""

    size: int
    chunks: AsyncIterator[bytes]


class File(Protocol):
    """What can be served. Both methods raise NotFound when the bytes are gone."""

    @property
    def content_type(self) -> str:
        """As stored, never as a client said."""

    @property
    def tag(self) -> str:
        """Another content has another tag; without quotation marks."""

    async def size(self) -> int:
        """In bytes."""

    async def open(self, span: Span | None) -> Opened:
        """The whole for None. The first bytes are there when this returns, so that a store that is down can be told."""


def parse_range(raw: str | None, size: int) -> Span | None:
    """None means the whole, also for several ranges. Raises RangeNotSatisfiable for a range outside."""
    found = _ONE_RANGE.fullmatch(raw.strip()) if raw else None
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, end = max(size - int(found[2]), 0), size
    else:
        start, end = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
    if start >= end:
        raise RangeNotSatisfiable(headers={"Content-Range": f"bytes */{size}"})
    return Span(start, end)


async def serve(request: AnyRequest, file: File, headers: Mapping[str, str] | None = None) -> Response[Any]:
    """Answer GET or HEAD; kept for ever by caches unless `headers` say otherwise."""
    tag = f'"{file.tag}"'
    told = {**ANYWHERE, "ETag": tag, "Accept-Ranges": "bytes", "Cache-Control": FOREVER, **(headers or {})}
    if is_known(request, tag):
        return Response(None, status_code=304, headers=told)
    wanted = request.headers.get("range") if request.headers.get("if-range", tag) == tag else None
    if request.method == "HEAD":
        size = await file.size()
        span = parse_range(wanted, size)
        return Response(b"", **_part(told, span, size), media_type=file.content_type)
    span = parse_range(wanted, await file.size()) if wanted else None
    opened = await file.open(span)
    return Stream(opened.chunks, **_part(told, span, opened.size), media_type=file.content_type)


def is_known(request: AnyRequest, tag: str) -> bool:
    """True when the client has what carries this ETag (with its quotation marks)."""
    return tag in request.headers.get("if-none-match", "")


def _part(headers: dict[str, str], span: Span | None, size: int) -> dict[str, Any]:
    if span is None:
        return {"status_code": 200, "headers": headers | {"Content-Length": str(size)}}
    content = {
        "Content-Range": f"bytes {span.start}-{span.end - 1}/{size}",
        "Content-Length": str(span.end - span.start),
    }
    return {"status_code": 206, "headers": headers | content}
