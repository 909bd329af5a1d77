"""Pipelines over one node or a cluster. All commands here are idempotent, so a lost connection is tried once more."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import hiredis
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError

from daira_feed.repository.wire.address import Address, parse
from daira_feed.repository.wire.commands import Command, Reply, Script, error_of
from daira_feed.repository.wire.link import Link

Node = tuple[str, int]
MOVES = 5
"""How often a command follows a slot that is being moved."""
_SLOTS = b"*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n"


class Wire:
    """`trips` counts waves of answers waited for, for tests and benches."""

    def __init__(self, url: str, *, timeout: float, scripts: Iterable[Script] = ()) -> None:
        """`timeout` of connecting and of one wave, in seconds. Every node is taught `scripts` when it is connected."""
        self._address: Address = parse(url)
        self._timeout = timeout
        self._seed: Node = (self._address.host, self._address.port)
        self._links: dict[Node, Link] = {}
        self._opening: dict[Node, asyncio.Lock] = {}
        self._slots: list[Node] = []
        scripts = list(scripts)
        self._hello = self._address.hello + b"".join(script.load() for script in scripts)
        self._hello_replies = self._address.hello_replies + len(scripts)
        self.trips = 0

    @property
    def is_cluster(self) -> bool:
        """True when commands must name their key, so that they can be grouped by node."""
        return self._address.is_cluster

    async def run(self, commands: Sequence[Command]) -> list[Reply]:
        """All answers in the order of the commands, in one round trip. Raises redis' exceptions."""
        replies = await self._once(commands)
        failure = next((reply for reply in replies if isinstance(reply, Exception)), None)
        if failure is not None and str(failure).startswith("NOSCRIPT"):
            await self.close()  # somebody flushed the scripts: a fresh connection teaches them again
            replies = await self._once(commands)
            failure = next((reply for reply in replies if isinstance(reply, Exception)), None)
        if failure is not None:
            raise error_of(failure)
        return replies

    async def _once(self, commands: Sequence[Command]) -> list[Reply]:
        self.trips += 1
        if self._address.is_cluster:
            return await self._run_cluster(commands)
        return await self._ask(self._seed, commands)

    async def ping(self) -> None:
        """Raises when the seed node does not answer; for /readyz."""
        await self._ask(self._seed, [Command("", b"*1\r\n$4\r\nPING\r\n")])

    async def close(self) -> None:
        """Hang up everywhere."""
        for link in self._links.values():
            link.close()
        self._links.clear()

    async def _ask(self, node: Node, commands: Sequence[Command], *, prefix: bytes = b"") -> list[Reply]:
        data = prefix + b"".join([command.wire for command in commands])
        count = sum([command.replies for command in commands])
        try:
            return await (await self._link(node)).ask(data, count, self._timeout)
        except RedisConnectionError:
            return await (await self._link(node)).ask(data, count, self._timeout)

    async def _link(self, node: Node) -> Link:
        link = self._links.get(node)
        if link is not None and not link.is_lost:
            return link
        async with self._opening.setdefault(node, asyncio.Lock()):
            link = self._links.get(node)
            if link is None or link.is_lost:
                link = self._links[node] = await Link.open(
                    *node,
                    tls=self._address.tls,
                    timeout=self._timeout,
                    hello=self._hello,
                    replies=self._hello_replies,
                )
            return link

    async def _run_cluster(self, commands: Sequence[Command]) -> list[Reply]:
        if not self._slots:
            await self._learn()
        groups: dict[Node, list[int]] = {}
        for index, command in enumerate(commands):
            groups.setdefault(self._slots[key_slot(command.key.encode())], []).append(index)
        answers = await asyncio.gather(
            *(self._ask_or_learn(node, [commands[index] for index in group]) for node, group in groups.items())
        )
        found: list[list[Reply]] = [[]] * len(commands)
        for group, replies in zip(groups.values(), answers, strict=True):
            start = 0
            for index in group:
                end = start + commands[index].replies
                found[index] = replies[start:end]
                start = end
        for index, replies in enumerate(found):
            if any(_is_moved(reply) for reply in replies):
                found[index] = await self._follow(commands[index], replies)
        return [reply for replies in found for reply in replies]

    async def _ask_or_learn(self, node: Node, commands: Sequence[Command]) -> list[Reply]:
        try:
            return await self._ask(node, commands)
        except RedisConnectionError:
            # The node may be gone for good: whoever took over its slots is known to the others.
            self._slots = []
            raise

    async def _follow(self, command: Command, replies: list[Reply]) -> list[Reply]:
        for _ in range(MOVES):
            moved = next((str(reply) for reply in replies if _is_moved(reply)), None)
            if moved is None:
                return replies
            kind, _slot, target = moved.split(" ", 2)
            host, _, port = target.rpartition(":")
            node = host or self._seed[0], int(port)
            if kind == "MOVED":
                self._slots = []
                replies = await self._ask(node, [command])
            else:
                replies = await self._ask_asking(node, command)
        return replies

    async def _ask_asking(self, node: Node, command: Command) -> list[Reply]:
        asking = Command(command.key, b"*1\r\n$6\r\nASKING\r\n" + command.wire, command.replies + 1)
        return (await self._ask(node, [asking]))[1:]

    async def _learn(self) -> None:
        known = [self._seed, *(node for node in self._links if node != self._seed)]
        failure: Exception = RedisConnectionError("no node of the cluster answers")
        for node in known:
            try:
                (ranges,) = await self._ask(node, [Command("", _SLOTS)])
            except RedisConnectionError as error:
                failure = error
                continue
            if not isinstance(ranges, Exception):
                self._slots = _slot_table(ranges, self._seed[0])
                return
            failure = error_of(ranges)
        raise failure


def _slot_table(ranges: list[Any], default_host: str) -> list[Node]:
    table: list[Node] = [("", 0)] * 16384
    for first, last, primary, *_ in ranges:
        node = (primary[0].decode() or default_host, int(primary[1]))
        table[first : last + 1] = [node] * (last - first + 1)
    if ("", 0) in table:
        raise RedisConnectionError("the cluster does not cover all slots")
    return table


def _is_moved(reply: Reply) -> bool:
    return isinstance(reply, hiredis.ReplyError) and str(reply).startswith(("MOVED ", "ASK "))


@asynccontextmanager
async def open_wire(url: str, *, timeout: float = 2.0, scripts: Iterable[Script] = ()) -> AsyncIterator[Wire]:
    """Nothing is connected yet: a service starts without Redis."""
    wire = Wire(url, timeout=timeout, scripts=scripts)
    try:
        yield wire
    finally:
        await wire.close()
