"""Accept-Language as browsers and phones send it."""

import pytest

from daira_web.languages import wants_arabic

HEADERS = [
    ("", False),
    ("ar", True),
    ("AR-eg", True),
    ("ar-EG,ar;q=0.9,en;q=0.8", True),
    ("en-US,en;q=0.9,ar;q=0.8", False),
    ("fr, ar;q=0.9", True),
    ("fr, ar;q=0.4, en;q=0.6", False),
    ("en;q=0.3, ar;q=0.7", True),
    ("en, ar", False),
    ("ar, en", True),
    ("ar;q=0", False),
    ("ar;q=many", False),
    ("ar ; q=0.5", True),
    ("arc", False),
    ("*", False),
    (";;,,=", False),
]


@pytest.mark.parametrize(("header", "arabic"), HEADERS)
def test_the_heavier_of_the_two_languages_wins_and_english_is_the_default(header: str, arabic: bool) -> None:
    assert wants_arabic(header) is arabic
