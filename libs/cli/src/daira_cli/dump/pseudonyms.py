"""Other ids and other words in place of people's, each always the same within one salt."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
UUID_LENGTH = 36
DASHES = (8, 13, 18, 23)
CACHED = 100_000
# As many as stay in a processor's own memory: looking further away costs more than making them again.
NEAR = 10_000
STREAM = 64
LATIN = "abcdefghijklmnopqrstuvwxyz"
ARABIC = "".join(map(chr, range(0x0627, 0x063B))) + "".join(map(chr, range(0x0641, 0x064B)))
TO_LATIN = bytes(ord(LATIN[byte % len(LATIN)]) for byte in range(256))
# The version and the variant stay, and of a UUIDv7 its time, because services judge by it.
KEPT_BITS = bytes.fromhex("000000000000f000c000000000000000")
KEPT_BITS_OF_V7 = bytes.fromhex("fffffffffffff000c000000000000000")


class Pseudonyms:
    """A batch of ids costs little more than one: give them to `prepare` before they are asked for."""

    def __init__(self, salt: bytes) -> None:
        """The same `salt` gives the same pseudonyms; without it nobody can tell whose they are."""
        self._key = blake2b(salt, digest_size=32, person=b"daira words").digest()
        key = blake2b(salt, digest_size=16, person=b"daira ids").digest()
        # AES on single blocks is a secret permutation of ids. Added to its input it cannot be undone, salt or not.
        self._permutation = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
        self.ids = _Ids(self._new_id)
        """By the id's text. Asked for what is no UUID it raises ValueError."""
        self.word = lru_cache(CACHED)(self._new_word)

    def prepare(self, texts: Iterable[str]) -> None:
        """Make the pseudonyms of these ids in one go; when one of them is no UUID, nothing happens."""
        if len(self.ids) > NEAR:
            self.ids.clear()
        known = self.ids
        fresh = [text for text in texts if text not in known]
        for kept, is_v7 in ((KEPT_BITS_OF_V7, True), (KEPT_BITS, False)):
            group = [text for text in fresh if (text[14:15] == "7") is is_v7]
            old = _bytes_of(group)
            if old:
                self.ids.update(zip(group, _texts_of(self._replaced(old, kept)), strict=True))

    def _new_word(self, word: str) -> str:
        if word.isascii() and word.isalpha() and word.islower():
            return self._stream(word, len(word)).translate(TO_LATIN).decode()
        return "".join(_like(char, byte) for char, byte in zip(word, self._stream(word, len(word)), strict=True))

    def _new_id(self, text: str) -> str:
        old = _bytes_of([text])
        if not old:
            raise ValueError(text)
        return _texts_of(self._replaced(old, KEPT_BITS_OF_V7 if text[14] == "7" else KEPT_BITS))[0]

    def _replaced(self, old: bytes, kept: bytes) -> bytes:
        """`old`: ids of 16 bytes one after another. Whole numbers, because those are combined in one step."""
        size = len(old)
        mask = int.from_bytes(kept * (size // len(kept)))
        before = int.from_bytes(old)
        after = int.from_bytes(self._permutation.update(old)) ^ before
        return (after ^ ((after ^ before) & mask)).to_bytes(size)

    def _stream(self, text: str, count: int) -> bytes:
        data = text.encode()
        found = blake2b(data, key=self._key).digest()
        while len(found) < count:
            found += blake2b(data, key=self._key, salt=len(found).to_bytes(16)).digest()
        return found[:count]


class _Ids(dict[str, str]):
    def __init__(self, make: Callable[[str], str]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, text: str) -> str:
        made = self[text] = self._make(text)
        return made


def _bytes_of(texts: Sequence[str]) -> bytes | None:
    """All ids one after another; None when one of them is no UUID."""
    joined, count = "".join(texts), len(texts)
    is_shaped = set(map(len, texts)) <= {UUID_LENGTH} and joined.count("-") == len(DASHES) * count
    if not is_shaped or any(joined[place::UUID_LENGTH].strip("-") for place in DASHES):
        return None
    try:
        found = bytes.fromhex(joined.replace("-", ""))
    except ValueError:
        return None
    return found if len(found) == 16 * count else None


def _texts_of(ids: bytes) -> list[str]:
    """Texts of ids of 16 bytes one after another; column by column, which is quicker than id by id."""
    digits, count = ids.hex().encode(), len(ids) // 16
    text = bytearray(b"-") * (UUID_LENGTH * count)
    places = (place for place in range(UUID_LENGTH) if place not in DASHES)
    for digit, place in enumerate(places):
        text[place::UUID_LENGTH] = digits[digit::32]
    joined = text.decode()
    return [joined[start : start + UUID_LENGTH] for start in range(0, len(joined), UUID_LENGTH)]


def _like(char: str, byte: int) -> str:
    if char.isdecimal():
        return str(byte % 10)
    if char in ARABIC:
        return ARABIC[byte % len(ARABIC)]
    letter = LATIN[byte % len(LATIN)]
    return letter.upper() if char.isupper() else letter
