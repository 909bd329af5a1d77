"""Text as people type it, and Arabic-aware hashtags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daira_feed.domain.hashtags import find_hashtags
from daira_feed.domain.text import clean, fold, is_blank


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("  مرحبا \r\n دنيا\t!", "مرحبا \n دنيا !"),
        ("pay\u202egnp.exe", "paygnp.exe"),
        ("\u2067isolate\u2069", "isolate"),
        ("zero\u200bwidth\ufeff\u2060", "zerowidth"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("a\u200d\u200d\u200d\u200cb", "a\u200db"),
        ("nul\x00\x1b[31m", "nul[31m"),
        ("cafe\u0301", "café"),
        ("a" + "\u0363" * 40, "a" + "\u0363" * 4),
        ("one\n\n\n\n\n\ntwo", "one\n\n\ntwo"),
    ],
)
def test_text_is_made_safe_to_show(typed: str, shown: str) -> None:
    assert clean(typed) == shown


@given(st.text(max_size=300))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize("text", ["", " \n ", "\u200d", "\u0301\u0301", "\u3000"])
def test_what_nobody_can_see_is_blank(text: str) -> None:
    assert is_blank(clean(text))


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("صباح #القاهرة و#مصر_الجديدة!", ("القاهرة",)),
        ("صباح #القاهرة و #مصر_الجديدة!", ("القاهرة", "مصر_الجديدة")),
        ("#Daira #daira #DAIRA", ("Daira",)),
        ("#أحمد #احمد #اَحمَد #أحـمد", ("أحمد",)),
        ("#مكتبة #مكتبه", ("مكتبة",)),
        ("#٢٠٢٦ #2026", ()),
        ("#كأس٢٠٢٦ #كأس2026", ("كأس٢٠٢٦",)),
        ("#می\u200cخواهم", ("می\u200cخواهم",)),
        ("a#b x&#39; http://x/#frag ##two", ()),
        ("＃全角 #हिन्दी", ("全角", "हिन्दी")),
        ("#" + "a" * 101, ()),
        (" ".join(f"#tag{number}x" for number in range(40)), tuple(f"tag{number}x" for number in range(30))),
    ],
)
def test_hashtags_are_found_once_a_spelling(text: str, tags: tuple[str, ...]) -> None:
    assert find_hashtags(text) == tags


@given(st.text(max_size=300))
def test_any_text_has_its_hashtags_found(text: str) -> None:
    for tag in find_hashtags(clean(text)):
        assert f"{tag}" in clean(text)
        assert fold(fold(tag)) == fold(tag)
