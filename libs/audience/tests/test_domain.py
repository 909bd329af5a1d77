"""Who lost sight of an upload."""

from itertools import product

import pytest

from daira_audience.domain import Audience, audience_of, has_narrowed, turns_private


def test_an_audience_narrows_only_to_a_smaller_one() -> None:
    narrowed = {(before, after) for before, after in product(Audience, repeat=2) if has_narrowed(before, after)}

    assert narrowed == {
        (Audience.EVERYBODY, Audience.FOLLOWERS),
        (Audience.EVERYBODY, Audience.NOBODY),
        (Audience.FOLLOWERS, Audience.NOBODY),
    }


def test_only_a_published_post_shows_anything() -> None:
    assert audience_of(published=True, public=True) is Audience.EVERYBODY
    assert audience_of(published=True, public=False) is Audience.FOLLOWERS
    assert {audience_of(published=False, public=public) for public in (True, False)} == {Audience.NOBODY}


@pytest.mark.parametrize(("was_private", "loses"), [(None, True), (False, True), (True, False)])
def test_an_account_that_turns_private_hides_what_may_have_been_public(was_private: bool | None, loses: bool) -> None:
    assert turns_private(was_private=was_private, is_private=True) is loses
    assert not turns_private(was_private=was_private, is_private=False)
