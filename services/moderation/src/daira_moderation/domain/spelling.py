"""How a letter may stand for another: digits for Latin letters, and Franco-Arabic for Arabic.

Franco has no standard: one word has many spellings, and a short vowel is written or not. So each letter has
several readings, and the trie of patterns decides which can lead anywhere.
"""

from types import MappingProxyType

LEET = MappingProxyType({"0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g"})
"""A digit in a Latin word."""

FRANCO = MappingProxyType(
    {
        "a": ("ا", "ه", ""),
        "b": ("ب",),
        "c": ("ك",),
        "d": ("د", "ض"),
        "e": ("ي", "ا", ""),
        "f": ("ف",),
        "g": ("ج", "غ"),
        "h": ("ه", "ح"),
        "i": ("ي", "ا", ""),
        "j": ("ج",),
        "k": ("ك",),
        "l": ("ل",),
        "m": ("م",),
        "n": ("ن",),
        "o": ("و", "ا", ""),
        "p": ("ب",),
        "q": ("ق",),
        "r": ("ر",),
        "s": ("س", "ص"),
        "t": ("ت", "ط"),
        "u": ("و", ""),
        "v": ("ف",),
        "w": ("و",),
        "y": ("ي",),
        "z": ("ز", "ظ", "ذ"),
        "2": ("ا", "ق", "ء", ""),
        "3": ("ع",),
        "5": ("خ",),
        "6": ("ط",),
        "7": ("ح", "خ"),
        "8": ("ق", "غ"),
        "9": ("ص", "ق"),
    }
)
"""Readings of one letter or digit."""

FRANCO_PAIRS = MappingProxyType(
    {
        "sh": ("ش",),
        "ch": ("ش", "تش"),
        "kh": ("خ",),
        "gh": ("غ",),
        "th": ("ث", "ت"),
        "dh": ("ض", "ذ", "د"),
        "ou": ("و", ""),
        "ei": ("ي", ""),
        "ai": ("اي", "ي"),
        "ay": ("اي", "ي"),
        "3a": ("ع", "عا"),
        "ah": ("ه", "اه"),
        "eh": ("ه", "يه"),
    }
)
"""Readings of two letters that belong together."""

INSEPARABLE = frozenset(("sh", "kh", "gh", "ch"))
"""Pairs that are never read letter by letter."""

FRANCO_DIGITS = frozenset("2356789")
SHORTEST_WITH_DIGIT, SHORTEST_PLAIN = 3, 5
"""Letters an Arabic pattern must have to be read from Latin ones: a digit shows that Franco is meant, without one
too many English words would read as something else. What is shorter is listed as it is spelled."""
