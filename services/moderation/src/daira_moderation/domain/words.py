"""Finding the words of a list in a text, in time that grows with the text and not with the list."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from daira_moderation.domain.folding import fold
from daira_moderation.domain.spelling import (
    FRANCO,
    FRANCO_DIGITS,
    FRANCO_PAIRS,
    INSEPARABLE,
    LEET,
    SHORTEST_PLAIN,
    SHORTEST_WITH_DIGIT,
)
from daira_moderation.domain.tokens import ARABIC, WORD, Token, tokens

MOST_READINGS = 2_000
"""Readings tried per word. Only those that begin some pattern are followed, so this is rarely near."""

Letters = Sequence[tuple[str, int]]
"""Letters with how often each is repeated in a row."""


@dataclass(slots=True, frozen=True)
class Hit:
    """Pattern `number` was found; `franco` when only by reading Latin letters as Arabic ones."""

    number: int
    franco: bool


@dataclass(slots=True, eq=False)
class _Node:
    """A place in the trie; `ends` holds (number of the pattern, repeats it needs, words it spans)."""

    next: dict[str, "_Node"] = field(default_factory=dict)
    ends: list[tuple[int, tuple[int, ...], int]] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class _Path:
    """Where a reading has come to: at `node` after `last`, with the repeats of every letter of the pattern so far."""

    node: _Node
    last: str
    repeats: tuple[int, ...]


class Words:
    """Patterns by their number in the list. A repeated letter in the text matches a single one in a pattern, but
    a doubled letter of a pattern must be doubled in the text, so that `as` is not `ass`."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """`patterns` may hold several words; they are folded here."""
        self._root = _Node()
        for number, pattern in enumerate(patterns):
            self._add(number, pattern)
        self._franco_starts = frozenset(
            letters[0]
            for letters, readings in (*FRANCO.items(), *FRANCO_PAIRS.items())
            if any(not reading or reading[0] in self._root.next for reading in readings)
        )

    def find(self, text: str) -> Iterator[set[Hit]]:
        """What each word or phrase of the text hits, for those that hit anything."""
        for forms in tokens(fold(text)):
            found = {hit for form in forms for hit in self._match(form)}
            if found:
                yield found

    def _add(self, number: int, pattern: str) -> None:
        words = WORD.findall(fold(pattern))
        letters = _letters("".join(words).replace("'", ""))
        if not letters:
            raise ValueError(f"pattern {number} has no letters")
        node = self._root
        for letter, _ in letters:
            node = node.next.setdefault(letter, _Node())
        node.ends.append((number, tuple(repeat for _, repeat in letters), len(words)))

    def _match(self, token: Token) -> Iterator[Hit]:
        """Most words of a text end at their first letter: no pattern begins like that."""
        text = token.text
        shortest = _shortest(text)
        as_written = text[0] in self._root.next or text[0] in LEET
        as_franco = text[0] in self._franco_starts and len(text) >= shortest and _may_be_franco(text)
        if not as_written and not as_franco:
            return
        letters = _letters(text)
        if as_written:
            for path in self._plain(letters) if LEET.keys().isdisjoint(text) else self._read(letters, franco=False):
                yield from _ends(path, token.words, franco=False)
        if as_franco:
            for path in self._read(letters, franco=True):
                yield from _ends(path, token.words, franco=True, shortest=shortest)

    def _plain(self, letters: Letters) -> Iterator[_Path]:
        node: _Node | None = self._root
        for letter, _ in letters:
            node = node.next.get(letter) if node else None
        if node is not None:
            yield _Path(node, "", tuple(repeat for _, repeat in letters))

    def _read(self, letters: Letters, *, franco: bool) -> Iterator[_Path]:
        """Depth first over the readings of `letters`: as they are and with leet digits, or as Franco-Arabic."""
        start = (0, _Path(self._root, "", ()))
        waiting, known = [start], {start}
        while waiting and len(known) < MOST_READINGS:
            place, path = waiting.pop()
            if place == len(letters):
                yield path
                continue
            for reading, repeat, taken in _readings(letters, place, franco=franco):
                further = _follow(path, reading, repeat)
                if further is not None and (place + taken, further) not in known:
                    known.add((place + taken, further))
                    waiting.append((place + taken, further))


def _letters(text: str) -> list[tuple[str, int]]:
    return [(letter, len(list(run))) for letter, run in groupby(text)]


def _readings(letters: Letters, place: int, *, franco: bool) -> Iterator[tuple[str, int, int]]:
    """(reading, repeats of its last letter, letters taken)."""
    letter, repeat = letters[place]
    if not franco:
        yield letter, repeat, 1
        for other in LEET.get(letter, ""):
            yield other, repeat, 1
        return
    pair = letter + letters[place + 1][0] if place + 1 < len(letters) else ""
    for reading in FRANCO_PAIRS.get(pair, ()):
        yield reading, letters[place + 1][1], 2
    if pair not in INSEPARABLE:
        for reading in FRANCO.get(letter, (letter,)):
            yield reading, repeat, 1


def _follow(path: _Path, reading: str, repeat: int) -> _Path | None:
    """The path after the letters of a reading; a letter like the last one adds to its repeats."""
    node, last, repeats = path.node, path.last, path.repeats
    for position, letter in enumerate(reading):
        times = repeat if position == len(reading) - 1 else 1
        if letter == last:
            repeats = (*repeats[:-1], repeats[-1] + times)
            continue
        if letter not in node.next:
            return None
        node, last, repeats = node.next[letter], letter, (*repeats, times)
    return _Path(node, last, repeats)


def _ends(path: _Path, words: int, *, franco: bool, shortest: int = 0) -> Iterator[Hit]:
    """The patterns that end where a reading of a candidate of `words` words ends."""
    for number, needed, spanned in path.node.ends:
        if words > 1 and spanned != words:
            continue
        if sum(needed) >= shortest and all(have >= need for have, need in zip(path.repeats, needed, strict=True)):
            yield Hit(number, franco)


def _shortest(text: str) -> int:
    return SHORTEST_PLAIN if FRANCO_DIGITS.isdisjoint(text) else SHORTEST_WITH_DIGIT


def _may_be_franco(text: str) -> bool:
    return not ARABIC.search(text) or not FRANCO_DIGITS.isdisjoint(text)
