"""Names and biographies: what is taken out of them, and how long they may be."""

import re
import unicodedata

NAME_LENGTH = 50
BIO_LENGTH = 300
INTERESTS = 20
INTEREST_LENGTH = 40
MARKS_IN_A_ROW = 4

INVISIBLE = re.compile(r"[\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
"""Bidi controls and zero-width characters that can hide or reorder text; the joiners of Persian and emoji stay."""

SPACES = re.compile(r"[^\S\n]+")
BLANK_LINES = re.compile(r"\n{3,}")


def clean_line(text: str) -> str:
    """One line as it is stored: NFC, no control or invisible characters, single spaces."""
    return SPACES.sub(" ", _clean(text).replace("\n", " ")).strip()


def clean_text(text: str) -> str:
    """Several lines as they are stored: as one line, but line breaks stay, at most one blank line in a row."""
    return BLANK_LINES.sub("\n\n", SPACES.sub(" ", _clean(text))).strip()


def clean_interests(words: list[str]) -> list[str]:
    """Each once, in the order given."""
    return list(dict.fromkeys(word for word in map(clean_line, words) if word))


def _clean(text: str) -> str:
    plain = INVISIBLE.sub("", unicodedata.normalize("NFC", text.replace("\r\n", "\n")))
    kept: list[str] = []
    marks = 0
    for character in plain:
        category = unicodedata.category(character)
        marks = marks + 1 if category == "Mn" else 0
        if marks <= MARKS_IN_A_ROW and (category not in ("Cc", "Cs", "Co", "Cn") or character == "\n"):
            kept.append(character)
    return "".join(kept)
