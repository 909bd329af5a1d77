"""Handles: what may be one, which two are the same, and which nobody may have."""

import re
import unicodedata
from hashlib import blake2b

SHORTEST, LONGEST = 3, 30
DIGEST_BYTES = 16
LATIN = re.compile(r"[a-z][a-z0-9._]*[a-z0-9]")
ARABIC = re.compile(r"[ء-غف-ي][ء-غف-ي0-9._]*[ء-غف-ي0-9]")
DOUBLED_MARK = re.compile(r"[._]{2}")
IGNORED = re.compile(r"[\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
"""Tatweel, vowel signs and Quranic marks: ornament, not identity."""

SPELLING = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹یکھہۀەےٱ", "01234567890123456789يكههههيا")
"""Digits of other scripts and Persian letters that look like Arabic ones."""

LOOK_ALIKE = str.maketrans("01أإآىةؤئء", "olااايهويا")
"""What a hasty reader does not tell apart: only the key is folded this far, never what is shown."""

# fmt: off
RESERVED = frozenset((
    "about", "abuse", "account", "accounts", "admin", "administrator", "api", "app", "apps", "auth", "billing",
    "blog", "bot", "circle", "contact", "copyright", "daira", "dairaapp", "daira_app", "daira_team", "discover",
    "everyone", "feed", "guest", "help", "home", "info", "legal", "live", "login", "logout", "mail", "me", "media",
    "mod", "moderation", "moderator", "news", "nobody", "notifications", "null", "official", "payments", "police",
    "privacy", "root", "search", "security", "settings", "shop", "signup", "staff", "status", "store", "support",
    "system", "team", "terms", "undefined", "user", "users", "verified", "wallet", "web", "webmaster", "www",
    "دايرة", "دايره", "ادمن", "مشرف", "المشرف", "الدعم", "دعم", "الادارة", "ادارة", "مدير", "رسمي", "الرسمي", "فريق",
    "حساب", "محفظة", "مساعدة", "الامن", "شرطة", "الشرطة",
))
# fmt: on


def normal(typed: str) -> str:
    """The handle as it is stored and shown: NFKC, lower case, ornament gone. Nothing is judged yet."""
    folded = unicodedata.normalize("NFKC", typed.strip().removeprefix("@")).casefold()
    return IGNORED.sub("", folded).translate(SPELLING)


def is_valid(handle: str) -> bool:
    """Whether a normal handle obeys the rules. One script only, so that no letter can pose as another."""
    if not SHORTEST <= len(handle) <= LONGEST or DOUBLED_MARK.search(handle):
        return False
    return bool(LATIN.fullmatch(handle) or ARABIC.fullmatch(handle))


def key_of(handle: str) -> str:
    """Two handles with the same key are the same handle to the eye: only one person can have it."""
    return handle.replace(".", "_").translate(LOOK_ALIKE)


def is_reserved(handle: str) -> bool:
    """Whether the handle, or what it looks like without its marks, is kept from everybody."""
    bare = key_of(handle).replace("_", "")
    return bare in _RESERVED_KEYS


def automatic(user_id: str, attempt: int) -> str:
    """The handle a new person gets; the same for the same id and attempt, so that a repeat changes nothing."""
    number = int.from_bytes(blake2b(f"{user_id} {attempt}".encode(), digest_size=8).digest()) % 10**9
    return f"user_{number:09d}"


def digest(key: str, secret: str) -> bytes:
    """What is remembered of a handle that is held back: enough to recognise it, not to read it."""
    return blake2b(key.encode(), key=secret.encode()[:64], digest_size=DIGEST_BYTES, person=b"daira-handle").digest()


_RESERVED_KEYS = frozenset(key_of(word).replace("_", "") for word in RESERVED)
