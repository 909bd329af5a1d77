from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha1
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daira_kit.errors import BadRequest, DairaError
from daira_media.domain import tus
from daira_media.domain.parts import SMALLEST_PART, USUAL_PART, is_part, part_target, remaining
from daira_media.domain.purposes import ContentType, Limits, Purpose, purpose_named, settle_purpose
from daira_media.domain.renditions import centre_square, fit, is_decodable
from daira_media.domain.sniff import HEAD_BYTES, sniff
from daira_media.errors import (
    ChecksumUnsupported,
    HeaderInvalid,
    TypeNotAccepted,
    UploadEmpty,
    UploadTooLarge,
    VersionUnsupported,
)


def boxes(major: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + major + b"\0\0\0\0" + b"".join(compatible)
    return (len(body) + 4).to_bytes(4, "big") + body + b"\0" * 64


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xe1rest", ContentType.JPEG),
        (b"\x89PNG\r\n\x1a\n....", ContentType.PNG),
        (b"RIFF\x10\0\0\0WEBPVP8 ", ContentType.WEBP),
        (b"RIFF\x10\0\0\0AVI LIST", None),
        (b"OggS\x00\x02", ContentType.OGG),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", ContentType.WEBM),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x88matroska", ContentType.MKV),
        (b"\x1a\x45\xdf\xa3" + b"\0" * 60, None),
        (boxes(b"isom", b"mp41"), ContentType.MP4),
        (boxes(b"qt  ", b"qt  "), ContentType.MOV),
        (boxes(b"heic", b"mif1"), ContentType.HEIC),
        (boxes(b"M4A ", b"isom"), ContentType.M4A),
        (boxes(b"XXXX", b"mp42"), ContentType.MP4),
        (boxes(b"avif", b"avif"), None),
        (b"\0\0\0\x08wide\0\0\0\0mdat", ContentType.MOV),
        (b"#EXTM3U\n#EXT-X-VERSION:3\n", None),
        (b"ffconcat version 1.0\nfile /etc/passwd", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", None),
        (b"GIF89a", None),
        (b"%PDF-1.7", None),
        (b"", None),
    ],
)
def test_content_is_known_by_its_first_bytes(head: Any, expected: Any) -> None:
    assert sniff(head) is expected


@given(st.binary(max_size=HEAD_BYTES))
def test_sniffing_never_fails(head: Any) -> None:
    assert sniff(head) is None or isinstance(sniff(head), ContentType)


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        (None, ContentType.MOV, Purpose.VIDEO),
        (None, ContentType.HEIC, Purpose.IMAGE),
        (None, ContentType.OGG, Purpose.VOICE),
        (Purpose.AVATAR, ContentType.PNG, Purpose.AVATAR),
        (Purpose.VOICE, ContentType.MP4, Purpose.VOICE),
    ],
)
def test_a_purpose_fits_the_content(wanted: Any, found: Any, expected: Any) -> None:
    assert settle_purpose(wanted, found) is expected


@pytest.mark.parametrize(
    ("wanted", "found"), [(Purpose.VIDEO, ContentType.JPEG), (Purpose.IMAGE, ContentType.MP4), (None, None)]
)
def test_a_purpose_that_does_not_fit_is_refused(wanted: Any, found: Any) -> None:
    with pytest.raises(TypeNotAccepted):
        settle_purpose(wanted, found)


def test_an_unknown_purpose_is_refused() -> None:
    assert purpose_named("video") is Purpose.VIDEO
    assert purpose_named(None) is None
    with pytest.raises(HeaderInvalid):
        purpose_named("SONG")


def test_sizes_are_checked_by_purpose() -> None:
    limits = Limits(avatar=10, video=100)
    limits.check_size(Purpose.AVATAR, 10)
    limits.check_size(None, None)
    with pytest.raises(UploadTooLarge):
        limits.check_size(Purpose.AVATAR, 11)
    with pytest.raises(UploadEmpty):
        limits.check_size(None, 0)


METADATA = st.dictionaries(st.from_regex(r"\A[!-+\--~]{1,20}\Z"), st.text(max_size=40), max_size=6)


@given(METADATA)
def test_metadata_survives_the_round_trip(metadata: Any) -> None:
    assert tus.parse_metadata(tus.format_metadata(metadata)) == metadata


@example("0\x1f")
@given(st.text(max_size=200))
def test_any_header_is_parsed_or_refused_with_400(raw: Any) -> None:
    for parse in (
        tus.parse_metadata,
        tus.parse_checksum,
        tus.parse_concat,
        lambda value: tus.parse_number("Upload-Offset", value),
        lambda value: tus.parse_length(value, None),
        lambda value: tus.parse_length(None, value),
    ):
        try:
            parse(raw)
        except DairaError as error:
            assert isinstance(error, BadRequest)


@pytest.mark.parametrize("raw", ["a b, a c", "a !!!", "a " + b64encode(b"\xff").decode(), "x" * 4097, "a,,b"])
def test_malformed_metadata_is_refused(raw: Any) -> None:
    with pytest.raises(HeaderInvalid):
        tus.parse_metadata(raw)


def test_a_metadata_key_may_stand_alone() -> None:
    assert tus.parse_metadata("is_private,name YQ==") == {"is_private": "", "name": "a"}


def test_a_checksum_names_algorithm_and_digest() -> None:
    digest = sha1(b"x").digest()
    found = tus.parse_checksum(f"sha1 {b64encode(digest).decode()}")
    assert found == tus.Checksum("sha1", digest)
    with pytest.raises(ChecksumUnsupported):
        tus.parse_checksum("crc32 AAAA")
    with pytest.raises(HeaderInvalid):
        tus.parse_checksum("sha256 AAAA")


@pytest.mark.parametrize(("length", "defer"), [(None, None), ("1", "1"), (None, "2"), ("-1", None), ("1e3", None)])
def test_a_length_is_either_given_or_deferred(length: Any, defer: Any) -> None:
    with pytest.raises(HeaderInvalid):
        tus.parse_length(length, defer)


def test_concat_is_partial_or_final() -> None:
    assert tus.parse_concat("partial") == tus.Concat(is_final=False)
    assert tus.parse_concat("final;/a /b") == tus.Concat(is_final=True, urls=("/a", "/b"))
    for raw in ("final;", "final", "partial;/a", "both", "final;" + " /a" * 65):
        with pytest.raises(HeaderInvalid):
            tus.parse_concat(raw)


def test_expiry_is_an_http_date_in_gmt() -> None:
    moment = datetime(2026, 11, 22, 21, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    assert tus.format_expires(moment) == "Sun, 22 Nov 2026 19:00:05 GMT"
    assert tus.format_expires(moment.astimezone(UTC)) == "Sun, 22 Nov 2026 19:00:05 GMT"


def test_only_version_1_is_spoken() -> None:
    tus.check_version("1.0.0")
    with pytest.raises(VersionUnsupported):
        tus.check_version(None)


@given(held=st.integers(0, SMALLEST_PART - 1), body=st.integers(1, 200_000_000))
def test_parts_of_a_known_body_are_large_enough_and_leave_no_short_rest(held: Any, body: Any) -> None:
    left, sizes = body, []
    spool = held
    while left:
        take = min(part_target(spool, left) - spool, left)
        spool, left = spool + take, left - take
        if left:
            sizes.append(spool)
            spool = 0

    assert all(size == USUAL_PART for size in sizes)
    assert spool < USUAL_PART + SMALLEST_PART
    assert is_part(spool, is_last=False) or (not sizes and held + body < SMALLEST_PART)


def test_the_last_part_may_be_short() -> None:
    assert is_part(1, is_last=True)
    assert not is_part(1, is_last=False)
    assert not is_part(0, is_last=True)


def test_room_ends_at_the_length_or_at_the_limit() -> None:
    assert remaining(100, 1000, 40) == 60
    assert remaining(None, 1000, 40) == 960
    assert remaining(2000, 1000, 40) == 960
    assert remaining(100, 1000, 100) == 0


@given(st.integers(1, 16384), st.integers(1, 16384), st.sampled_from([160, 480, 1080]))
def test_renditions_are_never_larger_than_the_source_or_the_size(width: Any, height: Any, size: Any) -> None:
    box = fit(width, height, size)
    assert 1 <= box.width <= min(width, size)
    assert 1 <= box.height <= min(height, 2 * size)


def test_the_square_of_an_avatar_is_centred() -> None:
    assert centre_square(300, 100) == (100, 0, 200, 100)
    assert centre_square(100, 301) == (0, 100, 100, 200)


def test_pixel_bombs_are_not_decodable() -> None:
    assert is_decodable(8000, 8000)
    assert not is_decodable(16000, 16000)
    assert not is_decodable(0, 10)
