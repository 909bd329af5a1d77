"""Text as a reader sees it: what only fools machines is taken out. For matching, never for showing."""

import re
import unicodedata
from types import MappingProxyType

VARIANTS = str.maketrans("ىةیکھہۀەەۃټڈڑگچپڤژ", "يهيكههههههتدركجبفز")
"""Arabic letters written in more than one way, and the Persian and Urdu ones that stand for them in Egypt."""

DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")

CONFUSABLE = str.maketrans("асеорхукнтмвіјѕԁһԛԝαοεικυνρτχωβսօոհ", "aceopxykhtmbijsdhqwaoeikuvptxwbuonh")
"""Cyrillic, Greek and Armenian letters that pose as Latin ones (a few of Unicode's confusables.txt)."""

IGNORED = re.compile(r"[\u0640\u115f\u1160\u3164\uffa0]")
"""Tatweel and letters that have no shape; format characters are found by their category."""


SIGNS = MappingProxyType({"$": "s", "@": "a", "!": "i"})
SIGN_IN_WORD = re.compile(r"(?<=[a-z])[$@!]+(?=[a-z])")
"""Signs that pose as Latin letters: only between letters, where they are neither price nor mention."""


def fold(text: str) -> str:
    """NFKD without marks and invisible characters, lower case, one letter for each shape.

    Decomposing also takes the hamza off its seat (أإآؤئ), vowel signs off letters and accents off Latin ones,
    and turns presentation forms, full width and mathematical letters into plain ones.
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(character for character in plain if unicodedata.category(character) not in ("Mn", "Me", "Cf"))
    folded = IGNORED.sub("", kept).casefold().translate(VARIANTS).translate(DIGITS).translate(CONFUSABLE)
    return SIGN_IN_WORD.sub(lambda signs: "".join(SIGNS[sign] for sign in signs[0]), folded)
