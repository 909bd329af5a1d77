"""What must hold for any handle and any text, looked for by hypothesis."""

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from daira_user.domain import handles, texts


@given(st.text(max_size=60))
@settings(max_examples=400, deadline=None)
def test_the_normal_form_of_a_valid_handle_is_its_own(typed: str) -> None:
    handle = handles.normal(typed)
    if handles.is_valid(handle):
        assert handles.normal(handle) == handle
        assert handles.key_of(handles.normal(handle.upper())) == handles.key_of(handle)


@given(st.from_regex(r"[a-z][a-z0-9_]{1,20}[a-z0-9]", fullmatch=True))
@settings(max_examples=200, deadline=None)
def test_a_latin_handle_is_found_however_it_is_typed(handle: str) -> None:
    for typed in (handle.upper(), f"@{handle}", f" {handle} ", handle.title()):
        assert handles.normal(typed) == handle


@given(st.text())
@settings(max_examples=400, deadline=None)
def test_cleaning_twice_is_cleaning_once_and_leaves_nothing_invisible(text: str) -> None:
    for clean in (texts.clean_line, texts.clean_text):
        once = clean(text)
        assert clean(once) == once
        assert not texts.INVISIBLE.search(once)
        assert not [one for one in once if unicodedata.category(one) == "Cc" and one != "\n"]
    assert "\n" not in texts.clean_line(text)
