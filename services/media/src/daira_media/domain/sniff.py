"""What a file is, by its first bytes: names and declared types are not believed."""

import re

from daira_media.domain.purposes import ContentType

HEAD_BYTES = 256
"""Enough for every signature below; an EBML DocType lies in the first 64 bytes of what muxers write."""
EBML = b"\x1a\x45\xdf\xa3"
DOC_TYPE = re.compile(rb"\x42\x82[\x81-\x90](webm|matroska)", re.DOTALL)
HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
VOICE_BRANDS = frozenset({b"M4A ", b"M4B "})
MOVIE_BRANDS = frozenset(
    {
        b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7", b"iso8", b"iso9",
        b"mp41", b"mp42", b"mp71", b"avc1", b"hvc1", b"hev1", b"av01", b"dash", b"cmfc", b"cmf2",
        b"M4V ", b"M4VH", b"M4VP", b"MSNV", b"mmp4", b"f4v ", b"3gp4", b"3gp5", b"3gp6", b"3g2a", b"XAVC",
    }
)  # fmt: skip


def sniff(head: bytes) -> ContentType | None:
    """The accepted type that starts like this, or None. `head` is the file's first HEAD_BYTES (or all of it)."""
    if head.startswith(b"\xff\xd8\xff"):
        return ContentType.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return ContentType.PNG
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return ContentType.WEBP
    if head.startswith(b"OggS\x00"):
        return ContentType.OGG
    if head.startswith(EBML):
        return _sniff_ebml(head)
    return _sniff_boxes(head)


def _sniff_ebml(head: bytes) -> ContentType | None:
    found = DOC_TYPE.search(head)
    if found is None:
        return None
    return ContentType.WEBM if found[1] == b"webm" else ContentType.MKV


def _sniff_boxes(head: bytes) -> ContentType | None:
    """ISO base media: the first box is `ftyp`, or, in old QuickTime files, a top-level atom."""
    kind, size = head[4:8], int.from_bytes(head[:4], "big")
    if kind != b"ftyp":
        return ContentType.MOV if kind in {b"moov", b"wide", b"mdat"} and len(head) >= 16 else None
    if not 16 <= size <= 4096:
        return None
    return _sniff_brands(head[8:12], frozenset(_compatible(head, size)))


def _compatible(head: bytes, size: int) -> list[bytes]:
    end = min(size, len(head))
    return [head[at : at + 4] for at in range(16, end - 3, 4)]


def _sniff_brands(major: bytes, compatible: frozenset[bytes]) -> ContentType | None:
    if major == b"qt  ":
        return ContentType.MOV
    if major in HEIC_BRANDS:
        return ContentType.HEIC
    if major in VOICE_BRANDS:
        return ContentType.M4A
    if major in MOVIE_BRANDS or compatible & MOVIE_BRANDS:
        return ContentType.MP4
    return None
