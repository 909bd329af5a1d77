"""Ready JSON of posts and authors in Redis. Every write carries the revision and loses against a newer one.

A value is one flag, the revision in 19 digits, and the JSON: read by slicing, never decoded. What a post's card shows
also changes with its media while the post does not: its revision is the post's, then what its media add up to.
"""

from collections.abc import Sequence
from itertools import chain
from uuid import UUID

import msgspec

from daira_feed.domain.timeline import Entry
from daira_feed.repository import keys
from daira_feed.repository.wire import Command, Reply, Script, Wire, pack

PUT = Script(
    """
    local held = redis.call('GETRANGE', KEYS[1], 0, 19)
    local revision = string.sub(held, 2)
    if revision > ARGV[2] then return 0 end
    if revision == ARGV[2] and string.sub(held, 1, 1) == '2' then return 0 end
    if ARGV[4] == '0' then
        redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2] .. ARGV[3])
    else
        redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2] .. ARGV[3], 'EX', ARGV[4])
    end
    return 1
    """
)
DROP = Script(
    """
    if string.sub(redis.call('GETRANGE', KEYS[1], 0, 19), 2) > ARGV[1] then return 0 end
    return redis.call('DEL', KEYS[1])
    """
)
SCRIPTS = (PUT, DROP)

NO_COUNTS = b'{"likes":0,"comments":0,"shares":0,"views":0}'
PLAIN, LIMITED, GONE = "0", "1", "2"
"""LIMITED is followers-only for a post, private or not yet known for an author; GONE is a tombstone, or who left."""
_DIGITS = 19
_MEDIA = 10**9
"""Revisions of media below one of the post: the last of them is left to its tombstone."""
_HEAD = 1 + _DIGITS
_LIMITED, _GONE = ord(LIMITED), ord(GONE)


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


class Stored(msgspec.Struct, frozen=True, gc=False):
    """What Redis has for the entries of a page, in their order, and for their authors by id in hex."""

    posts: list[StoredPost]
    authors: dict[str, StoredAuthor]


class Cards:
    """Writes. Reads are commands that a caller puts into its own round trip: see Wanted."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def put(self, commands: Sequence[Command]) -> None:
        """Those made by `post` and `gone`, in one round trip."""
        if commands:
            await self._wire.run(commands)

    @staticmethod
    def post(
        author: str,
        post: str,
        revision: int,
        card: bytes,
        lean: bytes | None,
        *,
        is_limited: bool,
        media_revision: int = 0,
    ) -> list[Command]:
        """`lean` is the card with data saver, when that differs; `media_revision` the sum of what `card` shows."""
        flag = LIMITED if is_limited else PLAIN
        revision = revision * _MEDIA + min(media_revision, _MEDIA - 2)
        lean_key = keys.lean_card(author, post)
        second = _drop(lean_key, revision) if lean is None else _put(lean_key, flag, revision, lean)
        return [_put(keys.post_card(author, post), flag, revision, card), second]

    @staticmethod
    def gone(author: str, post: str, revision: int) -> list[Command]:
        """A tombstone beats every late card of the same or an older revision."""
        revision = revision * _MEDIA + _MEDIA - 1
        return [
            _put(keys.post_card(author, post), GONE, revision, b"", seconds=keys.GONE_SECONDS),
            _drop(keys.lean_card(author, post), revision),
            pack("DEL", keys.post_counts(author, post)),
        ]

    async def put_counts(self, author: str, post: str, revision: int, counts: bytes) -> None:
        """Ready JSON of likes, comments, shares and views; kept for ever, for only their teller knows them."""
        await self._wire.run([_put(keys.post_counts(author, post), PLAIN, revision, counts, seconds=0)])

    async def put_author(self, author: UUID, revision: int, card: bytes, flag: str) -> None:
        """The author's name and picture, for all cards at once."""
        await self._wire.run([_put(keys.author_card(author.hex), flag, revision, card)])

    async def read_authors(self, authors: Sequence[UUID]) -> list[StoredAuthor]:
        """What Redis has of each, in their order."""
        if not authors:
            return []
        # One GET an author: on a cluster each is in a slot of its own.
        found = await self._wire.run([pack("GET", keys.author_card(author.hex)) for author in authors])
        return [_author(value) for value in found]

    async def forget_author(self, author: UUID) -> None:
        """Erased: name, picture and timeline."""
        await self._wire.run([pack("DEL", keys.author_card(author.hex)), pack("DEL", keys.timeline(author.hex))])


class Wanted:
    """Everything a page shows, asked for at once: one MGET on a node, one an author (who is one slot) on a cluster."""

    def __init__(self, entries: Sequence[Entry], *, lean: bool) -> None:
        """`lean`: with data saver."""
        self._count, self._lean = len(entries), lean
        self._places: dict[str, list[tuple[int, str]]] = {}
        for place, (_, member) in enumerate(entries):
            text = member.hex()
            self._places.setdefault(text[32:], []).append((place, text[:32]))
        self.authors = list(self._places)
        """In hex, each once."""

    def commands(self, *, is_cluster: bool) -> list[Command]:
        """Read by `stored`, which wants exactly their answers."""
        if is_cluster:
            groups: list[list[str]] = [[] for _ in self._places]
        else:
            groups = [[]] * len(self._places)
        for group, (author, places) in zip(groups, self._places.items(), strict=True):
            group.append(keys.author_card(author))
            for _, post in places:
                group += (keys.post_card(author, post), keys.post_counts(author, post))
                if self._lean:
                    group.append(keys.lean_card(author, post))
        return [pack("MGET", *group) for group in (groups if is_cluster else groups[:1])]

    def stored(self, replies: Sequence[Reply]) -> Stored:
        """What the answers say."""
        values = chain.from_iterable(replies)
        posts: list[StoredPost] = [_MISSING] * self._count
        authors = {}
        for author, places in self._places.items():
            authors[author] = _author(next(values))
            for place, _ in places:
                posts[place] = _post(next(values), next(values), next(values) if self._lean else None)
        return Stored(posts, authors)


_MISSING = StoredPost(None, NO_COUNTS, False, False)


def _put(key: str, flag: str, revision: int, body: bytes, *, seconds: int = keys.CARD_SECONDS) -> Command:
    return PUT.call(key, flag, f"{revision:0{_DIGITS}}", body, seconds)


def _drop(key: str, revision: int) -> Command:
    """Deletes what is not newer."""
    return DROP.call(key, f"{revision:0{_DIGITS}}")


def _post(value: bytes | None, counts: bytes | None, lean: bytes | None) -> StoredPost:
    if value is None:
        return _MISSING
    flag = value[0]
    # A lean card of another revision is one that a late writer brought back.
    card = lean if lean is not None and lean[1:_HEAD] == value[1:_HEAD] else value
    return StoredPost(
        None if flag == _GONE else card[_HEAD:],
        NO_COUNTS if counts is None else counts[_HEAD:],
        flag == _LIMITED,
        flag == _GONE,
    )


def _author(value: bytes | None) -> StoredAuthor:
    if value is None:
        return StoredAuthor(None, True, False)
    return StoredAuthor(value[_HEAD:], value[0] == _LIMITED, value[0] == _GONE)
