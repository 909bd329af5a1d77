"""Words as they may be meant: also when their letters are pulled apart, and without what Arabic hangs on them."""

import re
from collections.abc import Iterator, Sequence

import msgspec

WORD = re.compile(r"[^\W_]+(?:'(?=[^\W_]))?")
SPLIT_LETTERS = 3
"""So many single letters in a row are one word: in Arabic and English one or two happen."""

LONGEST_PHRASE = 3
LONGEST_TOKEN = 60

ARABIC = re.compile(r"[ء-ي]")
PREFIXES = ("وال", "بال", "فال", "كال", "لل", "ال", "يا", "و", "ف", "ب", "ل", "ك")
SUFFIXES = ("ين", "ات", "ها", "هم", "كم", "نا", "ك")
FRANCO_PREFIXES = ("yal", "yel", "wel", "ya", "el", "al")
STEM, FRANCO_STEM, SUFFIXED_STEM = 3, 4, 4
"""What must remain of a word: cutting further makes words out of nothing."""


class Token(msgspec.Struct, frozen=True):
    """A candidate. `words` is how many words of the text it spans: single words never match across a space."""

    text: str
    words: int = 1


def tokens(folded: str) -> Iterator[tuple[Token, ...]]:
    """Every candidate of a folded text (words, words pulled apart, phrases), each with its forms without affixes."""
    chunks = [WORD.findall(chunk) for chunk in folded.split()]
    words = [word.replace("'", "") for chunk in chunks for word in chunk]
    candidates = (*_joined_chunks(chunks), *_spelled(words), *_phrases(words), *(Token(word) for word in words))
    for token in dict.fromkeys(candidates):
        if 1 < len(token.text) <= LONGEST_TOKEN:
            yield tuple(dict.fromkeys(_forms(token)))


def _joined_chunks(chunks: Sequence[Sequence[str]]) -> Iterator[Token]:
    """`k.o.s` and `fu-ck`: what has no space in it is also read as one word."""
    for chunk in chunks:
        if len(chunk) > 1:
            yield Token("".join(chunk).replace("'", ""))


def _spelled(words: Sequence[str]) -> Iterator[Token]:
    """`خ و ل`: single letters in a row."""
    run = ""
    for word in [*words, "  "]:
        if len(word) == 1:
            run += word
            continue
        if len(run) >= SPLIT_LETTERS:
            yield Token(run)
        run = ""


def _phrases(words: Sequence[str]) -> Iterator[Token]:
    for length in range(2, LONGEST_PHRASE + 1):
        for start in range(len(words) - length + 1):
            yield Token("".join(words[start : start + length]), length)


def _forms(token: Token) -> Iterator[Token]:
    yield token
    text = token.text
    if ARABIC.search(text):
        bare = [text.removeprefix(prefix) for prefix in PREFIXES if _leaves(text, prefix, STEM)]
        yield from (Token(form, token.words) for form in bare)
        for form in (text, *bare):
            for suffix in SUFFIXES:
                if form.endswith(suffix) and len(form) - len(suffix) >= SUFFIXED_STEM:
                    yield Token(form.removesuffix(suffix), token.words)
    else:
        for prefix in FRANCO_PREFIXES:
            if _leaves(text, prefix, FRANCO_STEM):
                yield Token(text.removeprefix(prefix), token.words)


def _leaves(text: str, prefix: str, stem: int) -> bool:
    return text.startswith(prefix) and len(text) - len(prefix) >= stem
