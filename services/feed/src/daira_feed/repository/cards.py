"""Ready JSON of posts and authors in Redis. Every write carries the revision and loses against a newer one."""

from uuid import UUID

import msgspec

from daira_feed.repository import keys
from daira_feed.repository.wire import Command, Reply, Script, Wire, pack

PUT_CARD = Script(
    """
    local held = tonumber(redis.call('HGET', KEYS[1], 'rev') or '-1')
    if held > tonumber(ARGV[1]) then return 0 end
    if held == tonumber(ARGV[1]) and redis.call('HEXISTS', KEYS[1], 'gone') == 1 then return 0 end
    redis.call('HDEL', KEYS[1], 'gone', 'lean')
    redis.call('HSET', KEYS[1], 'rev', ARGV[1], 'flags', ARGV[2], 'card', ARGV[3])
    if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'lean', ARGV[4]) end
    redis.call('PERSIST', KEYS[1])
    return 1
    """
)
PUT_GONE = Script(
    """
    local held = tonumber(redis.call('HGET', KEYS[1], 'rev') or '-1')
    if held > tonumber(ARGV[1]) then return 0 end
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], 'rev', ARGV[1], 'gone', '1')
    redis.call('EXPIRE', KEYS[1], ARGV[2])
    return 1
    """
)
SCRIPTS = (PUT_CARD, PUT_GONE)

NO_COUNTS = b'{"likes":0,"comments":0,"shares":0,"views":0}'
PLAIN, LIMITED = b"0", b"1"
"""Flags: LIMITED is followers-only for a post, private for an author; a removed author is GONE."""
GONE = b"2"


class StoredPost(msgspec.Struct, frozen=True, gc=False):
    """`card` None: not in Redis, or `is_gone`."""

    card: bytes | None
    counts: bytes
    is_limited: bool
    is_gone: bool


class StoredAuthor(msgspec.Struct, frozen=True, gc=False):
    """`card` None: not in Redis."""

    card: bytes | None
    is_private: bool
    is_gone: bool


class Cards:
    """Writes; reads are commands that a caller puts into its own round trip."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def put_post(
        self, author: str, post: str, revision: int, card: bytes, lean: bytes | None, *, is_limited: bool
    ) -> None:
        """`lean` is the card with data saver, when that differs."""
        flags = LIMITED if is_limited else PLAIN
        await self._wire.run([PUT_CARD.call(keys.post_card(author, post), revision, flags, card, lean or b"")])

    async def put_post_gone(self, author: str, post: str, revision: int) -> None:
        """A tombstone beats every late card of the same or an older revision."""
        await self._wire.run([PUT_GONE.call(keys.post_card(author, post), revision, keys.GONE_SECONDS)])

    async def put_author(self, author: UUID, revision: int, card: bytes, flags: bytes) -> None:
        """The author's name and picture, for all cards at once."""
        await self._wire.run([PUT_CARD.call(keys.author_card(author.hex), revision, flags, card, b"")])

    async def forget_author(self, author: UUID) -> None:
        """Erased: name, picture and timeline."""
        await self._wire.run([pack("DEL", keys.author_card(author.hex)), pack("DEL", keys.timeline(author.hex))])


def read_post(author: str, post: str, *, lean: bool) -> Command:
    """Read by `stored_post`."""
    fields = ("lean", "card") if lean else ("card",)
    return pack("HMGET", keys.post_card(author, post), "gone", "flags", "counts", *fields)


def read_author(author: str) -> Command:
    """Read by `stored_author`."""
    return pack("HMGET", keys.author_card(author), "flags", "card")


def stored_post(reply: Reply) -> StoredPost:
    """The answer to `read_post`."""
    gone, flags, counts, *cards = reply
    card = next((card for card in cards if card is not None), None)
    return StoredPost(card, counts or NO_COUNTS, flags == LIMITED, gone is not None)


def stored_author(reply: Reply) -> StoredAuthor:
    """The answer to `read_author`."""
    flags, card = reply
    return StoredAuthor(card, flags == LIMITED, flags == GONE)
