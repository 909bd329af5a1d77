"""Text as people typed it, made safe to show; and the Arabic-aware key under which hashtags are equal."""

import re
import unicodedata

LONGEST_TEXT = 5_000
"""Characters of a post after cleaning."""

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0]"
)
_BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROL = re.compile("[\u0000-\u0009\u000b-\u001f\u007f-\u009f\ufff9-\ufffb]")
_JOINER_RUN = re.compile("[\u200c\u200d]{2,}")
_BLANK_LINES = re.compile("\n{4,}")
_MARK_RUN = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u064b-\u065f\u0670\u1ab0-\u1aff\u20d0-\u20ff]{4})[\u0300-\u036f\u0483-\u0489\u064b-\u065f\u0670\u1ab0-\u1aff\u20d0-\u20ff]+"
)
_JOINERS = re.compile("[\u200c\u200d]")
_TASHKEEL = re.compile("[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u08d3-\u08ff]")
_FOLD = str.maketrans(
    "آأإٱىةکیے٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹",
    "اااايهكيي01234567890123456789",
)


def clean(text: str) -> str:
    """NFC without controls, invisible fillers and direction overrides; joiners of Persian and emoji stay.

    Direction marks go too: clients isolate a post's text themselves, and overrides spoof what is read.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))
    for pattern in (_CONTROL, _INVISIBLE, _BIDI):
        text = pattern.sub("", text)
    text = _MARK_RUN.sub(r"\1", _JOINER_RUN.sub("\u200d", text))
    return _BLANK_LINES.sub("\n\n\n", text).strip()


def is_blank(text: str) -> bool:
    """True when nothing of `text` can be seen."""
    return all(unicodedata.category(letter)[0] in "ZCM" for letter in text)


def fold(text: str) -> str:
    """The key under which two spellings are the same word: case, tashkeel, alef forms and digits do not count."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = _TASHKEEL.sub("", _JOINERS.sub("", text))
    return text.translate(_FOLD)
