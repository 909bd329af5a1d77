"""Ready JSON of posts and authors in Redis. Every write carries the revision and loses against a newer one.

A value is one flag, the revision in 19 digits, and the JSON: read by slicing, never decoded. What a post's card shows
also changes with its media while the post does not: its revision is the post's, then what its media add up to.
"""

from collections.abc import Sequence
from itertools import chain
from typing import TypeAlias
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
DROP_HELD = Script(
    """
    if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
    return 0
    """
)
SCRIPTS = (PUT, DROP, DROP_HELD)

NO_COUNTS = b'{"likes":0,"comments":0,"shares":0,"views":0}'
PLAIN, LIMITED, GONE = "0", "1", "2"
"""LIMITED is followers-only for a post, private or not yet known for an author; GONE is a tombstone, or who left."""
_DIGITS = 19
_MEDIA = 10**9
"""Revisions of media below one of the post: the last of them is left to its tombstone."""
_HEAD = 1 + _DIGITS
_FLAGS = (PLAIN.encode(), LIMITED.encode(), GONE.encode())
_LIMITED, _GONE = ord(LIMITED), ord(GONE)


class PostCards(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What Redis should hold of one post. `lean` is the card with data saver, when that differs."""

    author: str
    post: str
    flag: str
    revision: int
    card: bytes = b""
    lean: bytes | None = None

    def commands(self) -> list[Command]:
        """Written unless something newer is there."""
        name, lean_name = self._names()
        second = _drop(lean_name, self.revision) if self.lean is None else self._put(lean_name, self.lean)
        if self.flag != GONE:
            return [self._put(name, self.card), second]
        tombstone = _put(name, GONE, self.revision, b"", seconds=keys.GONE_SECONDS)
        return [tombstone, second, pack("DEL", keys.post_counts(self.author, self.post))]

    def mending(self, held: "HeldCards") -> list[Command]:
        """The same in place of what is held: a spoilt value may look newer than all others."""
        pairs = zip(self._names(), held, strict=True)
        return [*(DROP_HELD.call(name, value) for name, value in pairs if value is not None), *self.commands()]

    def reading(self) -> list[Command]:
        """Their answers are HeldCards."""
        return [pack("GET", name) for name in self._names()]

    def is_held(self, held: "HeldCards") -> bool:
        """Whether Redis is in line, or ahead. A tombstone may have had its time: PostgreSQL says it again."""
        card, lean = held
        if self.flag == GONE:
            return (card is None or self._fits(card, b"")) and (lean is None or self._is_ahead(lean))
        lean_fits = self.lean is None if lean is None else self._fits(lean, self.lean)
        return card is not None and self._fits(card, self.card) and lean_fits

    def _fits(self, value: bytes, body: bytes | None) -> bool:
        return (body is not None and value == _head(self.flag, self.revision) + body) or self._is_ahead(value)

    def _is_ahead(self, value: bytes) -> bool:
        flag, digits = value[:1], value[1:_HEAD]
        if flag not in _FLAGS or len(digits) != _DIGITS or not digits.isdigit() or int(digits) <= self.revision:
            return False
        # A tombstone counts by the post alone: one of this very revision should not be there.
        return flag != GONE.encode() or int(digits) // _MEDIA > self.revision // _MEDIA

    def _names(self) -> tuple[str, str]:
        return keys.post_card(self.author, self.post), keys.lean_card(self.author, self.post)

    def _put(self, name: str, body: bytes) -> Command:
        return _put(name, self.flag, self.revision, body)


HeldCards: TypeAlias = tuple[bytes | None, bytes | None]
"""A post's card and its lean card as Redis has them."""


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

    async def put(self, *wanted: PostCards) -> None:
        """Those made by `post` and `gone`, in one round trip."""
        if wanted:
            await self._wire.run([command for one in wanted for command in one.commands()])

    async def mend(self, wrong: Sequence[tuple[PostCards, HeldCards]]) -> None:
        """Each in place of what is held, in one round trip."""
        if wrong:
            await self._wire.run([command for one, held in wrong for command in one.mending(held)])

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
    ) -> PostCards:
        """`lean` is the card with data saver, when that differs; `media_revision` the sum of what `card` shows."""
        flag = LIMITED if is_limited else PLAIN
        revision = revision * _MEDIA + min(media_revision, _MEDIA - 2)
        return PostCards(author=author, post=post, flag=flag, revision=revision, card=card, lean=lean)

    @staticmethod
    def gone(author: str, post: str, revision: int) -> PostCards:
        """A tombstone beats every late card of the same or an older revision."""
        return PostCards(author=author, post=post, flag=GONE, revision=revision * _MEDIA + _MEDIA - 1)

    async def read_posts(self, wanted: Sequence[PostCards]) -> list[HeldCards]:
        """What Redis has of each, in their order."""
        if not wanted:
            return []
        found = await self._wire.run([command for one in wanted for command in one.reading()])
        return list(zip(found[::2], found[1::2], strict=True))

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

    async def drop_author(self, author: UUID) -> None:
        """Nothing is known of the author any more, and nothing has no revision to win with: the next read asks anew."""
        await self._wire.run([pack("DEL", keys.author_card(author.hex))])

    async def forget_author(self, author: UUID) -> None:
        """Erased: name, picture and timeline."""
        await self._wire.run([pack("DEL", keys.author_card(author.hex)), pack("DEL", keys.timeline(author.hex))])


class Wanted:
    """Everything a page shows, asked for at once: one MGET on a node, one an author (who is one slot) on a cluster."""

    def __init__(self, entries: Sequence[Entry], *, lean: bool) -> None:
        """`lean`: with data saver."""
        self._count, self._lean = len(entries), lean
        self._places: dict[str, list[int]] = {}
        self._posts: dict[str, list[str]] = {}
        for place, (_, member) in enumerate(entries):
            text = member.hex()
            author = text[32:]
            self._places.setdefault(author, []).append(place)
            self._posts.setdefault(author, []).append(text[:32])
        self.authors = list(self._places)
        """In hex, each once."""

    def commands(self, *, is_cluster: bool) -> list[Command]:
        """Read by `stored`, which wants exactly their answers."""
        names = [keys.page_of(author, posts, lean=self._lean) for author, posts in self._posts.items()]
        if not is_cluster and names:
            names = [list(chain.from_iterable(names))]
        return [pack("MGET", *some) for some in names]

    def stored(self, replies: Sequence[Reply]) -> Stored:
        """What the answers say."""
        values = chain.from_iterable(replies)
        posts: list[StoredPost] = [_MISSING] * self._count
        authors = {}
        for author, places in self._places.items():
            authors[author] = _author(next(values))
            for place in places:
                posts[place] = _post(next(values), next(values), next(values) if self._lean else None)
        return Stored(posts, authors)


_MISSING = StoredPost(None, NO_COUNTS, False, False)


def _put(key: str, flag: str, revision: int, body: bytes, *, seconds: int = keys.CARD_SECONDS) -> Command:
    return PUT.call(key, flag, f"{revision:0{_DIGITS}}", body, seconds)


def _head(flag: str, revision: int) -> bytes:
    return f"{flag}{revision:0{_DIGITS}}".encode()


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
