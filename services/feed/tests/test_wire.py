"""Hand-joined pipelines on a real node, a real cluster, and a server that misbehaves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

import pytest
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from daira_devtools.stack import Endpoints
from daira_feed.repository.wire import Script, Wire, open_wire, pack
from daira_feed.repository.wire.address import parse
from daira_kit.ids import new_id
from daira_stores.redis import AnyRedis, open_redis
from daira_stores.transient import is_transient

ECHO = Script("return ARGV[1]")
Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter


@asynccontextmanager
async def server(talk: Callable[[Reader, Writer], Awaitable[None]]) -> AsyncIterator[int]:
    running = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with running:
        yield running.sockets[0].getsockname()[1]


@pytest.fixture(params=["node", "cluster"])
async def wire(request: pytest.FixtureRequest, redis_url: str, stack: Endpoints) -> AsyncIterator[Wire]:
    url = redis_url if request.param == "node" else f"redis+cluster://{stack.cluster_nodes[0]}"
    async with open_wire(url, scripts=[ECHO]) as opened:
        yield opened


async def test_answers_come_in_the_order_of_the_commands(wire: Wire) -> None:
    names = [f"{new_id()}" for _ in range(300)]
    await wire.run([pack("SET", name, name, "EX", 60) for name in names])

    assert await wire.run([pack("GET", name) for name in names]) == [name.encode() for name in names]


async def test_many_callers_share_a_connection(wire: Wire) -> None:
    async def one(number: int) -> bool:
        name = f"{new_id()}"
        await wire.run([pack("SET", name, number, "EX", 60)])
        return await wire.run([pack("GET", name)]) == [str(number).encode()]

    assert all(await asyncio.gather(*(one(number) for number in range(200))))


async def test_an_error_answer_is_raised_and_the_next_ones_are_not_mixed_up(wire: Wire) -> None:
    name = f"{new_id()}"
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await wire.run([pack("SET", name, "x", "EX", 60), pack("SADD", name, "y"), pack("GET", name)])

    assert await wire.run([pack("GET", name)]) == [b"x"]


async def test_scripts_are_taught_again_after_they_were_flushed(wire: Wire, redis: AnyRedis, stack: Endpoints) -> None:
    key = f"{new_id()}"
    assert await wire.run([ECHO.call(key, "first")]) == [b"first"]

    if wire.is_cluster:
        async with open_redis(f"redis+cluster://{stack.cluster_nodes[0]}") as cluster:
            await cluster.script_flush()
    else:
        await redis.script_flush()

    assert await wire.run([ECHO.call(key, "second")]) == [b"second"]


async def test_a_caller_that_gives_up_does_not_confuse_the_others(wire: Wire) -> None:
    name = f"{new_id()}"
    await wire.run([pack("SET", name, "x", "EX", 60)])
    with suppress(TimeoutError):
        await asyncio.wait_for(wire.run([pack("GET", name) for _ in range(5000)]), 0.0001)

    assert await wire.run([pack("GET", name)]) == [b"x"]


async def test_a_moved_slot_is_followed(stack: Endpoints) -> None:
    async with open_wire(f"redis+cluster://{stack.cluster_nodes[0]}") as wire:
        names = [f"{new_id()}" for _ in range(50)]
        await wire.run([pack("SET", name, "x", "EX", 60) for name in names])
        wire._slots = [wire._seed] * 16384

        assert await wire.run([pack("GET", name) for name in names]) == [b"x"] * 50

        assert len({key_slot(name.encode()) // 5462 for name in names}) == 3


async def test_an_asked_slot_is_asked_at_its_new_place() -> None:
    async def new_home(reader: Reader, writer: Writer) -> None:
        data = await reader.read(1000)
        writer.write(b"+OK\r\n$1\r\nx\r\n" if b"ASKING" in data else b"-ERR not asked\r\n")

    async with server(new_home) as port:

        async def old_home(reader: Reader, writer: Writer) -> None:
            data = await reader.read(1000)
            host = "$9\r\n127.0.0.1\r\n"
            own = writer.get_extra_info("sockname")[1]
            assert b"CLUSTER" in data
            writer.write(f"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n{host}:{own}\r\n".encode())
            await reader.read(1000)
            writer.write(f"-ASK 7 127.0.0.1:{port}\r\n".encode())

        async with server(old_home) as first, open_wire(f"redis+cluster://127.0.0.1:{first}") as wire:
            assert await wire.run([pack("GET", "name")]) == [b"x"]


async def test_a_connection_that_was_cut_is_tried_once_more() -> None:
    cuts = 0

    async def talk(reader: Reader, writer: Writer) -> None:
        nonlocal cuts
        await reader.read(1000)
        if cuts == 0:
            cuts += 1
            writer.close()
            return
        writer.write(b"$1\r\nx\r\n")

    async with server(talk) as port, open_wire(f"redis://127.0.0.1:{port}") as wire:
        assert await wire.run([pack("GET", "name")]) == [b"x"]
    assert cuts == 1


async def test_a_silent_server_is_a_transient_failure_and_is_hung_up_on() -> None:
    async def talk(reader: Reader, writer: Writer) -> None:
        await reader.read(1000)
        await asyncio.sleep(30)

    async with server(talk) as port, open_wire(f"redis://127.0.0.1:{port}", timeout=0.05) as wire:
        with pytest.raises(RedisTimeoutError) as raised:
            await wire.run([pack("GET", "name")])
        assert is_transient(raised.value)
        assert all(link.is_lost for link in wire._links.values())


async def test_a_server_that_is_not_there_is_a_transient_failure() -> None:
    async with open_wire("redis://127.0.0.1:1") as wire:
        with pytest.raises(RedisConnectionError) as raised:
            await wire.ping()
    assert is_transient(raised.value)


@pytest.mark.parametrize("word", ["LOADING", "READONLY", "OOM", "MISCONF", "NOREPLICAS", "TRYAGAIN", "CLUSTERDOWN"])
async def test_a_server_that_is_not_ready_is_a_transient_failure(word: str) -> None:
    async def talk(reader: Reader, writer: Writer) -> None:
        await reader.read(1000)
        writer.write(f"-{word} as it says\r\n".encode())

    async with server(talk) as port, open_wire(f"redis://127.0.0.1:{port}") as wire:
        with pytest.raises(RedisError) as raised:
            await wire.run([pack("GET", "name")])
    assert is_transient(raised.value)


async def test_a_wrong_password_is_refused_at_once(redis_url: str) -> None:
    async with open_wire(redis_url.replace("redis://", "redis://nobody:wrong@")) as wire:
        with pytest.raises(RedisConnectionError, match="refuses"):
            await wire.ping()


def test_urls_say_where_and_what_first() -> None:
    plain, secret, cluster = parse("redis://a"), parse("rediss://u:p%40@b:1/2"), parse("redis+cluster://c:7000")

    assert (plain.host, plain.port, plain.hello, plain.tls) == ("a", 6379, b"", False)
    assert (secret.tls, secret.hello_replies) == (True, 2)
    assert secret.hello == b"*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$2\r\np@\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n"
    assert cluster.is_cluster
