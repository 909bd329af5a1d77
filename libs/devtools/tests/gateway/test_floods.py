"""Whoever floods the gateway is cut off, and everybody else is served meanwhile."""

import asyncio
from typing import Any

import pytest

from daira_devtools.gateway.edge import Limits
from daira_devtools.stack.descriptors import allow_many
from daira_kit.settings import environment
from daira_testing.floods import reset_rapidly, slow_headers

FULL = environment("SIZE") == "full"
SLOW_CLIENTS = 5_000 if FULL else 500
STREAMS = 50_000 if FULL else 5_000
PATH = "/v1/posts/latest"
CUT_OFF_AFTER = 250
"""Streams taken back of one connection: half of what the gateway's configuration names. Those that the limit of their
address refuses do not count: they are answered before they can be taken back."""
PATIENCE = 120.0


@pytest.fixture(autouse=True)
def many_descriptors() -> None:
    assert allow_many() > SLOW_CLIENTS * 2


@pytest.mark.sized(SLOW_CLIENTS)
async def test_clients_that_never_finish_their_headers_are_cut_off_and_harm_nobody(open_gateway: Any) -> None:
    gateway = await open_gateway(limits=Limits(headers_seconds=2))

    async with slow_headers(gateway.port, SLOW_CLIENTS) as slow:
        meanwhile = [await gateway.client.get(PATH) for _ in range(20)]
        ends = await asyncio.wait_for(asyncio.gather(*(_end(reader) for reader in slow)), PATIENCE)

    assert {answer.status_code for answer in meanwhile} == {200}
    assert len(ends) == SLOW_CLIENTS
    assert all(not end or end.startswith(b"HTTP/1.1 408") for end in ends)


@pytest.mark.sized(STREAMS)
async def test_streams_that_are_taken_back_at_once_end_their_connection_and_harm_nobody(open_gateway: Any) -> None:
    gateway = await open_gateway(limits=Limits(burst=2_000, requests_per_second=500))
    flooding = asyncio.create_task(reset_rapidly(gateway.port, PATH, STREAMS // CUT_OFF_AFTER))

    meanwhile = [await gateway.client.get(PATH)]
    while not flooding.done():
        meanwhile.append(await gateway.client.get(PATH))
        await asyncio.sleep(0.02)
    await flooding

    assert {answer.status_code for answer in meanwhile} == {200}
    assert await gateway.statistic("http2.rx_reset") >= STREAMS
    assert await gateway.statistic("http.edge.downstream_rq_too_many_premature_resets") > 3
    assert await gateway.statistic("server.memory_allocated") < Limits().heap_bytes // 2


async def _end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
