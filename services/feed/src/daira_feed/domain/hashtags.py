"""Hashtags in Arabic and every other script."""

import re
import unicodedata

from daira_feed.domain.text import fold

MOST_TAGS = 30
LONGEST_TAG = 100
_START = re.compile("(?<![\\w&/#＃\u200c])[#＃]")
_JOINERS = "\u200c\u200d"


def find_hashtags(text: str) -> tuple[str, ...]:
    """Tags without `#`, as first written, one of each spelling by `fold`; digits alone are not a tag."""
    found: dict[str, str] = {}
    for start in _START.finditer(text):
        tag = _read_tag(text, start.end())
        key = fold(tag)
        if tag and len(tag) <= LONGEST_TAG and any(letter.isalpha() for letter in key):
            found.setdefault(key, tag)
        if len(found) == MOST_TAGS:
            break
    return tuple(found.values())


def _read_tag(text: str, start: int) -> str:
    end = start
    while end < len(text) and _belongs(text[end]):
        end += 1
    return text[start:end].strip(_JOINERS)


def _belongs(letter: str) -> bool:
    # Marks belong to the word (tashkeel, Indic vowels): they must not split a tag.
    return letter == "_" or letter in _JOINERS or unicodedata.category(letter)[0] in "LMN"
