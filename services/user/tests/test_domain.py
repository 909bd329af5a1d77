"""Rules of handles, texts, relations and profiles."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from msgspec.structs import replace

from daira_kit.ids import new_id
from daira_user.domain import handles, relations, texts
from daira_user.domain.profiles import Form, Profile, TextState, after_verdict, best_form
from daira_user.domain.relations import Follow, Pair, Relation

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Nour_Cairo", "nour_cairo"),
        (" @nour.cairo ", "nour.cairo"),
        ("ＮＯＵＲ", "nour"),
        ("نُور_القاهرة", "نور_القاهرة"),
        ("نـــور", "نور"),
        ("كريم٢٠٢٦", "كريم2026"),
        ("کریم", "كريم"),
    ],
)
def test_a_handle_is_stored_in_its_normal_form(typed: str, stored: str) -> None:
    assert handles.normal(typed) == stored
    assert handles.is_valid(stored)


@pytest.mark.parametrize(
    "typed",
    [
        "ab",
        "a" * 31,
        "1nour",
        "_nour",
        "nour_",
        "no__ur",
        "no._ur",
        "no ur",
        "nourنور",
        "nоur",
        "nour\u200b!",
        "نور!",
        "",
    ],
)
def test_what_mixes_scripts_or_breaks_the_shape_is_no_handle(typed: str) -> None:
    assert not handles.is_valid(handles.normal(typed))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("paypal", "paypa1"),
        ("zero", "zer0"),
        ("nour.cairo", "nour_cairo"),
        ("أحمد", "احمد"),
        ("منى", "مني"),
        ("هبة", "هبه"),
    ],
)
def test_handles_that_look_alike_have_one_key(one: str, other: str) -> None:
    assert handles.key_of(handles.normal(one)) == handles.key_of(handles.normal(other))


def test_nobody_gets_a_reserved_handle_however_it_is_dressed() -> None:
    assert all(
        handles.is_reserved(handles.normal(typed))
        for typed in ("admin", "Adm.in", "da_ira", "supp0rt", "الدعم", "إدارة")
    )
    assert not handles.is_reserved("nour")


def test_an_automatic_handle_is_a_valid_one_and_the_same_each_time() -> None:
    user_id = str(new_id())
    assert handles.automatic(user_id, 0) == handles.automatic(user_id, 0) != handles.automatic(user_id, 1)
    assert handles.is_valid(handles.automatic(user_id, 0))


def test_a_held_handle_is_remembered_without_being_readable() -> None:
    assert handles.digest("nour", "secret") == handles.digest("nour", "secret")
    assert handles.digest("nour", "secret") != handles.digest("nour", "other")
    assert b"nour" not in handles.digest("nour", "secret")


def test_invisible_and_reordering_characters_leave_a_name_and_emoji_stay_whole() -> None:
    assert texts.clean_line("  Nour\u202e\u200b\u2066  \tCairo\n") == "Nour Cairo"
    assert texts.clean_line("👩‍👩‍👧 نور") == "👩‍👩‍👧 نور"
    assert texts.clean_line("Z" + "\u0301" * 40) == "Ź" + "\u0301" * texts.MARKS_IN_A_ROW
    assert texts.clean_text("a\r\n\n\n\n  b\x00") == "a\n\n b"
    assert texts.clean_interests([" football ", "football", "\u200b", "طبخ"]) == ["football", "طبخ"]


def pair(mine: Follow = Follow.NONE, theirs: Follow = Follow.NONE) -> Pair:
    me, other = new_id(), new_id()
    return Pair(
        Relation(actor_id=me, target_id=other, follow=mine, since=NOON if mine is not Follow.NONE else None),
        Relation(actor_id=other, target_id=me, follow=theirs, since=NOON if theirs is not Follow.NONE else None),
    )


def follow_public(held: Pair) -> Pair:
    return relations.follow(held, is_private=False, at=NOON)


def follow_private(held: Pair) -> Pair:
    return relations.follow(held, is_private=True, at=NOON)


def accept(held: Pair) -> Pair:
    return relations.accept(held, NOON)


def mute(held: Pair) -> Pair:
    return relations.mute(held, on=True)


STEPS = [
    follow_public,
    follow_private,
    relations.unfollow,
    accept,
    relations.decline,
    relations.block,
    relations.unblock,
    mute,
]
ENDS = {
    (follow_public, Follow.NONE): Follow.FOLLOWING,
    (follow_public, Follow.REQUESTED): Follow.FOLLOWING,
    (follow_private, Follow.NONE): Follow.REQUESTED,
    (relations.unfollow, Follow.REQUESTED): Follow.NONE,
    (relations.unfollow, Follow.FOLLOWING): Follow.NONE,
    (relations.block, Follow.REQUESTED): Follow.NONE,
    (relations.block, Follow.FOLLOWING): Follow.NONE,
}
"""My follow after a step; what is not named stays."""
THEIR_ENDS = {
    (accept, Follow.REQUESTED): Follow.FOLLOWING,
    (relations.decline, Follow.REQUESTED): Follow.NONE,
    (relations.block, Follow.REQUESTED): Follow.NONE,
    (relations.block, Follow.FOLLOWING): Follow.NONE,
}


@pytest.mark.parametrize(("step", "mine", "theirs"), list(product(STEPS, Follow, Follow)))
def test_every_step_from_every_state_ends_where_the_table_says_and_repeating_it_changes_nothing(
    step: Callable[[Pair], Pair], mine: Follow, theirs: Follow
) -> None:
    after = step(pair(mine, theirs))
    assert after.mine.follow is ENDS.get((step, mine), mine)
    assert after.theirs.follow is THEIR_ENDS.get((step, theirs), theirs)
    assert (after.mine.since is None) == (after.mine.follow is Follow.NONE)
    assert step(after) == after


def test_a_relation_with_nothing_in_it_is_empty() -> None:
    held = pair()
    assert held.mine.is_empty
    assert not relations.block(held).mine.is_empty
    assert relations.unblock(relations.block(held)).mine.is_empty
    assert not mute(held).mine.is_empty


def test_who_may_see_whom() -> None:
    stranger, follower, asking = pair(), pair(Follow.FOLLOWING), pair(Follow.REQUESTED)
    blocked = Pair(stranger.mine, replace(stranger.theirs, blocks=True))
    assert relations.may_see_person(stranger)
    assert not relations.may_see_person(blocked)
    see = relations.may_see_lists
    assert see(stranger, is_private=False, is_self=False)
    assert see(follower, is_private=True, is_self=False)
    assert see(stranger, is_private=True, is_self=True)
    assert not see(stranger, is_private=True, is_self=False)
    assert not see(asking, is_private=True, is_self=False)
    assert not see(blocked, is_private=False, is_self=False)


def profile(**fields: object) -> Profile:
    made = Profile(user_id=new_id(), revision=3, handle="nour", handle_key="nour", created_at=NOON, updated_at=NOON)
    return replace(made, **fields)


def test_a_verdict_counts_only_for_the_text_it_is_about() -> None:
    held = profile(display_name="new", text_revision=3, approved_display_name="old", approved_revision=1)
    assert (held.shown, held.text_state) == (("old", ""), TextState.PENDING)
    assert after_verdict(held, 2, TextState.REJECTED, "insult") is held
    passed = after_verdict(held, 3, TextState.APPROVED)
    assert (passed.shown, passed.text_state) == (("new", ""), TextState.APPROVED)
    refused = after_verdict(held, 3, TextState.REJECTED, "insult")
    assert (refused.shown, refused.display_name, refused.refused_code) == (("old", ""), "new", "insult")
    assert refused.text_state is TextState.REJECTED
    assert after_verdict(refused, 3, TextState.APPROVED) == passed


def test_a_text_that_passed_once_is_hidden_while_it_does_not_pass_any_more() -> None:
    held = profile(display_name="slang", approved_display_name="slang", text_revision=3, approved_revision=3)
    for state in (TextState.REJECTED, TextState.PENDING):
        hidden = after_verdict(held, 3, state, "insult")
        assert (hidden.shown, hidden.text_state) == (("", ""), state)
        assert after_verdict(hidden, 3, TextState.APPROVED) == held


def test_a_verdict_on_the_text_that_is_shown_counts_while_a_newer_one_waits() -> None:
    held = profile(display_name="new", text_revision=3, approved_display_name="slang", approved_revision=2)
    hidden = after_verdict(held, 2, TextState.REJECTED, "insult")
    assert (hidden.shown, hidden.text_state, hidden.display_name) == (("", ""), TextState.PENDING, "new")


def test_the_smallest_form_that_is_wide_enough_is_shown() -> None:
    forms = [Form(url=str(width), width=width) for width in (480, 160, 1080)]
    assert best_form(forms) == "160"
    assert best_form([Form(url="tiny", width=90), Form(url="small", width=120)]) == "small"
    assert best_form([]) is None


def test_times_do_not_matter_to_a_repeated_follow() -> None:
    first = follow_public(pair())
    assert relations.follow(first, is_private=True, at=NOON + timedelta(days=1)) == first
