"""Files for whoever has the URL: ranges, tags, caches."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import AsyncClient
from litestar import Litestar, Request, Response, route

from daira_testing.http import calling
from daira_web.files import FOREVER, NOWHERE, READ, Opened, RangeNotSatisfiable, Span, parse_range, serve
from daira_web.guards import PUBLIC

CONTENT = b"0123456789"


class Digits:
    """Ten bytes; counts how often its store was asked."""

    content_type = "text/plain"
    tag = "digits-1"

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def size(self) -> int:
        self.asked.append("size")
        return len(CONTENT)

    async def open(self, span: Span | None) -> Opened:
        self.asked.append("open")

        async def chunks() -> AsyncIterator[bytes]:
            yield CONTENT[span.start : span.end] if span else CONTENT

        return Opened(size=len(CONTENT), chunks=chunks())


@pytest.fixture
def digits() -> Digits:
    return Digits()


@pytest.fixture
async def client(digits: Digits) -> AsyncIterator[AsyncClient]:
    @route("/digits", http_method=READ, opt=PUBLIC)
    async def read_digits(request: Request[Any, Any, Any]) -> Response[Any]:
        return await serve(request, digits)

    @route("/private", http_method=READ, opt=PUBLIC)
    async def read_private(request: Request[Any, Any, Any]) -> Response[Any]:
        return await serve(request, digits, {"Cache-Control": NOWHERE})

    async with calling(Litestar([read_digits, read_private])) as http:
        yield http


async def test_the_whole_costs_one_question_and_may_be_kept_for_ever(client: AsyncClient, digits: Digits) -> None:
    answer = await client.get("/digits")

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-length"] == "10"
    assert answer.headers["cache-control"] == FOREVER
    assert answer.headers["etag"] == '"digits-1"'
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert digits.asked == ["open"]


async def test_a_route_may_forbid_caches(client: AsyncClient) -> None:
    assert (await client.get("/private")).headers["cache-control"] == NOWHERE


async def test_a_part_says_where_it_lies(client: AsyncClient) -> None:
    answer = await client.get("/digits", headers={"Range": "bytes=2-4"})

    assert (answer.status_code, answer.content) == (206, b"234")
    assert answer.headers["content-range"] == "bytes 2-4/10"
    assert answer.headers["content-length"] == "3"


async def test_a_part_of_something_else_is_the_whole_of_this(client: AsyncClient) -> None:
    headers = {"Range": "bytes=2-4", "If-Range": '"digits-0"'}

    assert (await client.get("/digits", headers=headers)).content == CONTENT
    assert (await client.get("/digits", headers=headers | {"If-Range": '"digits-1"'})).content == b"234"


async def test_head_tells_sizes_and_opens_nothing(client: AsyncClient, digits: Digits) -> None:
    whole = await client.head("/digits")
    part = await client.head("/digits", headers={"Range": "bytes=2-4"})

    assert (whole.status_code, whole.headers["content-length"], whole.content) == (200, "10", b"")
    assert (part.status_code, part.headers["content-range"], part.content) == (206, "bytes 2-4/10", b"")
    assert "open" not in digits.asked


async def test_who_has_it_is_told_so_without_a_question(client: AsyncClient, digits: Digits) -> None:
    answer = await client.get("/digits", headers={"If-None-Match": '"digits-1"'})

    assert (answer.status_code, answer.content) == (304, b"")
    assert digits.asked == []


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, None),
        ("bytes=0-0", Span(0, 1)),
        ("bytes=5-", Span(5, 10)),
        ("bytes=-3", Span(7, 10)),
        ("bytes=-30", Span(0, 10)),
        ("bytes=5-99", Span(5, 10)),
        ("bytes=0-1,3-4", None),
        ("bytes=-", None),
        ("items=0-1", None),
    ],
)
def test_one_range_is_understood_and_more_means_the_whole(raw: Any, expected: Any) -> None:
    assert parse_range(raw, 10) == expected


@pytest.mark.parametrize("raw", ["bytes=10-", "bytes=7-5", "bytes=-0"])
def test_a_range_outside_is_refused(raw: Any) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_range(raw, 10)
