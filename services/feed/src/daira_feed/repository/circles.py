"""Circles in Redis: a sorted set of entries per reader, and what a read must know about the reader."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec

from daira_feed.domain.timeline import CIRCLE_SIZE, Entry, Position
from daira_feed.repository import keys
from daira_feed.repository.wire import Command, Reply, Script, Wire, pack

MARK = b"whole"
"""A member above all entries: without it a sorted set is what pushes left behind after a loss, not a Circle."""
STAR_MARK = b"-"
"""The same for the set of celebrities, which without anybody in it could not be told from a lost one."""
FORMAT = "1"
KEPT = CIRCLE_SIZE + 1
TIES = 8
COUNTED_SECONDS = 120
_TRIM = ("0", str(-KEPT - 1))

# A field holds one flag digit, a colon and the revision of the relation that it came from.
PUT_STANDING = Script(
    """
    local held = redis.call('HGET', KEYS[1], ARGV[1])
    if held and tonumber(string.sub(held, 3)) >= tonumber(ARGV[3]) then return 0 end
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ':' .. ARGV[3])
    redis.call('EXPIRE', KEYS[1], ARGV[4], 'NX')
    return 1
    """
)
# A field and its revision beside it.
PUT_FIELD = Script(
    """
    local held = tonumber(redis.call('HGET', KEYS[1], ARGV[1] .. '_rev') or '-1')
    if held > tonumber(ARGV[3]) then return 0 end
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], ARGV[1] .. '_rev', ARGV[3])
    redis.call('EXPIRE', KEYS[1], ARGV[4], 'NX')
    return 1
    """
)
DROP_LOCK = Script(
    """
    if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
    return 0
    """
)
SCRIPTS = (PUT_STANDING, PUT_FIELD, DROP_LOCK)

UNFOLLOWED, BLOCKS, MUTES = 1, 2, 4
BLOCKED_BY = 1
Direction = Literal[">", "<"]
"""`>` what the reader holds towards the other, `<` what the other holds towards the reader."""


class Head(msgspec.Struct, frozen=True, gc=False):
    """The first round trip of a read. `is_whole` false: cold or lost, to be rebuilt. `reads` in this minute."""

    is_whole: bool
    entries: list[Entry]
    stars: list[str]
    day: int
    following: int
    saver: str
    reads: int


class Held(msgspec.Struct, frozen=True, gc=False):
    """A reader's entries and celebrities as they are in Redis."""

    entries: frozenset[Entry]
    stars: frozenset[str]


class Circles:
    """`kept_seconds`: how long a Circle nobody reads is kept; shorter than the time after which pushes stop."""

    def __init__(self, wire: Wire, kept_seconds: int) -> None:
        self.wire = wire
        self._kept = kept_seconds

    async def read_head(self, reader: str, position: Position | None, count: int, minute: int = 0) -> Head:
        """At least `count` entries at or below `position`, if there are so many. One round trip but for mass ties.

        Also counts the read, in the given minute since 1970.
        """
        room = count + TIES
        while True:
            replies = await self.wire.run(
                [
                    _range(keys.circle(reader), position, room),
                    pack("ZSCORE", keys.circle(reader), MARK),
                    pack("HMGET", keys.reader_state(reader), "built", "day", "following", "saver"),
                    pack("SMEMBERS", keys.stars(reader)),
                    pack("INCR", keys.reads(reader, minute)),
                    pack("EXPIRE", keys.reads(reader, minute), COUNTED_SECONDS, "NX"),
                ]
            )
            entries = entries_of(replies[0])
            # All of one millisecond: the cursor may lie anywhere among them, so look further.
            if position is None or len(entries) < room or entries[-1][0] != position[0]:
                return _head(entries, replies)
            room *= 4

    async def put_all(
        self, reader: str, entries: Sequence[Entry], stars: Sequence[str], state: Sequence[Command], day: int
    ) -> None:
        """A rebuilt Circle, joined with what pushes brought meanwhile; the mark comes last.

        `state` are commands made by `standing` and `state`.
        """
        key = keys.circle(reader)
        commands = [pack("SADD", keys.stars(reader), STAR_MARK, *stars)]
        commands += state
        commands += [_add(key, entries[at : at + 500]) for at in range(0, len(entries), 500)]
        await self.wire.run(
            [
                *commands,
                pack("HSET", keys.reader_state(reader), "built", FORMAT, "day", day),
                pack("ZADD", key, "inf", MARK),
                pack("ZREMRANGEBYRANK", key, *_TRIM),
                *self._keep(reader),
            ]
        )

    async def read_held(self, readers: Sequence[str]) -> list[Held]:
        """What Redis has of each reader, in order."""
        names = [(keys.circle(reader), keys.stars(reader)) for reader in readers]
        commands = [
            command
            for circle, stars in names
            for command in (pack("ZRANGE", circle, 0, -1, "WITHSCORES"), pack("SMEMBERS", stars))
        ]
        replies = await self.wire.run(commands)
        return [
            Held(frozenset(entries_of(entries)), frozenset(star.decode() for star in stars if star != STAR_MARK))
            for entries, stars in zip(replies[::2], replies[1::2], strict=True)
        ]

    def refill(
        self,
        reader: str,
        missing: Sequence[Entry],
        extra: Sequence[Entry],
        stars: Sequence[str],
        held_stars: frozenset[str],
        state: Sequence[Command],
        day: int,
        seconds: int,
    ) -> list[Command]:
        """Commands that bring a Circle in line while it is read and pushed to; the mark comes last.

        `seconds` is how long to keep what was not there before; what was there lives as long as it would have.
        """
        key, starred = keys.circle(reader), keys.stars(reader)
        commands = [pack("SADD", starred, STAR_MARK, *stars), *state]
        if unwanted := held_stars.difference(stars):
            commands.append(pack("SREM", starred, *unwanted))
        commands += [_add(key, missing[at : at + 500]) for at in range(0, len(missing), 500)]
        commands += [pack("ZREM", key, *(m for _, m in extra[at : at + 500])) for at in range(0, len(extra), 500)]
        names = (key, keys.reader_state(reader), starred)
        return [
            *commands,
            pack("HSET", keys.reader_state(reader), "built", FORMAT, "day", day),
            pack("ZADD", key, "inf", MARK),
            pack("ZREMRANGEBYRANK", key, *_TRIM),
            *(pack("EXPIRE", name, seconds, "NX") for name in names),
        ]

    async def touch(self, reader: str, day: int) -> None:
        """Somebody read it today: keep it."""
        await self.wire.run(
            [
                pack("HSET", keys.reader_state(reader), "day", day),
                *self._keep(reader),
            ]
        )

    async def add(self, reader: str, entries: Sequence[Entry]) -> None:
        """Entries of somebody newly followed."""
        if entries:
            key = keys.circle(reader)
            commands = [_add(key, entries[at : at + 500]) for at in range(0, len(entries), 500)]
            # What ended while nobody read it begins anew by this: it must end again.
            await self.wire.run([*commands, pack("ZREMRANGEBYRANK", key, *_TRIM), self._let_end(key)])

    async def remove_author(self, reader: str, author: str) -> None:
        """All entries of one author. A full Circle loses its mark too: older posts of others may now belong in it."""
        key = keys.circle(reader)
        (members,) = await self.wire.run([pack("ZRANGE", key, 0, -1)])
        suffix = bytes.fromhex(author)
        gone = [member for member in members if member != MARK and member[16:] == suffix]
        if gone:
            commands = [pack("ZREM", key, *gone[at : at + 500]) for at in range(0, len(gone), 500)]
            if len(members) >= KEPT:
                commands.append(pack("ZREM", key, MARK))
            await self.wire.run(commands)

    async def remove_entries(self, reader: str, entries: Sequence[Entry]) -> None:
        """Entries that a read found to be gone."""
        await self.wire.run([pack("ZREM", keys.circle(reader), *(member for _, member in entries))])

    async def put_standing(self, reader: str, other: str, direction: Direction, flags: int, revision: int) -> None:
        """An unusual relation, or the end of one."""
        await self.wire.run([self.standing(reader, other, direction, flags, revision)])

    def standing(self, reader: str, other: str, direction: Direction, flags: int, revision: int) -> Command:
        """The command of `put_standing`."""
        return PUT_STANDING.call(
            keys.reader_state(reader), standing_field(other, direction), flags, revision, self._kept
        )

    async def put_state(self, reader: str, field: str, value: str | int, revision: int) -> None:
        """`following` or `saver`, unless a newer one is there."""
        await self.wire.run([self.state(reader, field, value, revision)])

    def state(self, reader: str, field: str, value: str | int, revision: int) -> Command:
        """The command of `put_state`."""
        return PUT_FIELD.call(keys.reader_state(reader), field, value, revision, self._kept)

    async def add_star(self, readers: Iterable[str], author: str) -> None:
        """These readers merge the author's timeline from now on."""
        await self._each(readers, lambda key: [pack("SADD", key, author), self._let_end(key)])

    async def remove_star(self, readers: Iterable[str], author: str) -> None:
        """And from now on no longer."""
        await self._each(readers, lambda key: [pack("SREM", key, author)])

    async def forget(self, reader: str) -> None:
        """Everything about an erased reader."""
        names = (keys.circle(reader), keys.reader_state(reader), keys.stars(reader), keys.rebuild_lock(reader))
        await self.wire.run([pack("DEL", name) for name in names])

    async def take_rebuild(self, reader: str, token: str, seconds: int) -> bool:
        """True when the caller may rebuild; others wait for the mark."""
        (reply,) = await self.wire.run([pack("SET", keys.rebuild_lock(reader), token, "NX", "EX", seconds)])
        return reply is not None

    async def end_rebuild(self, reader: str, token: str) -> None:
        """Give the right back, if it is still ours."""
        await self.wire.run([DROP_LOCK.call(keys.rebuild_lock(reader), token)])

    async def is_whole(self, reader: str) -> bool:
        """True when the Circle can be read."""
        score, built, starred = await self.wire.run(
            [
                pack("ZSCORE", keys.circle(reader), MARK),
                pack("HGET", keys.reader_state(reader), "built"),
                pack("SISMEMBER", keys.stars(reader), STAR_MARK),
            ]
        )
        return score is not None and built == FORMAT.encode() and starred == 1

    def _keep(self, reader: str) -> list[Command]:
        names = (keys.circle(reader), keys.reader_state(reader), keys.stars(reader))
        return [pack("EXPIRE", name, self._kept) for name in names]

    def _let_end(self, key: str) -> Command:
        return pack("EXPIRE", key, self._kept, "NX")

    async def _each(self, readers: Iterable[str], make: Callable[[str], list[Command]]) -> None:
        commands = [command for reader in readers for command in make(keys.stars(reader))]
        for at in range(0, len(commands), 1_000):
            await self.wire.run(commands[at : at + 1_000])


def standing_field(other: str, direction: Direction) -> bytes:
    """The field of the reader's state that holds one direction of a relation."""
    return bytes.fromhex(other) + direction.encode()


def read_standings(reader: str, authors: Sequence[str]) -> Command:
    """Read by `flags_of`, two values an author: `>` and `<`."""
    fields = [field for raw in map(bytes.fromhex, authors) for field in (raw + b">", raw + b"<")]
    return pack("HMGET", keys.reader_state(reader), *fields)


def flags_of(value: bytes | None) -> int:
    """The flag digit of a standing; 0 when there is nothing unusual."""
    return 0 if value is None else value[0] - 48


def entries_of(reply: Reply) -> list[Entry]:
    """Members with their scores, without the mark."""
    return [(int(score), member) for member, score in zip(reply[::2], reply[1::2], strict=True) if member != MARK]


def _range(key: str, position: Position | None, count: int) -> Command:
    top = "(inf" if position is None else position[0]
    return pack("ZRANGE", key, top, "-inf", "BYSCORE", "REV", "LIMIT", 0, count, "WITHSCORES")


def _add(key: str, entries: Sequence[Entry]) -> Command:
    return pack("ZADD", key, *(part for entry in entries for part in entry))


def _head(entries: list[Entry], replies: list[Reply]) -> Head:
    built, day, following, saver = replies[2]
    return Head(
        replies[1] is not None and built == FORMAT.encode() and STAR_MARK in replies[3],
        entries,
        sorted(star.decode() for star in replies[3] if star != STAR_MARK),
        int(day or 0),
        int(following or 0),
        (saver or b"").decode(),
        replies[4],
    )
